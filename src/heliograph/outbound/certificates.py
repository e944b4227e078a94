"""Certificates that people paste: a target's own authorities, and a client certificate (mTLS). They are validated when saved, not when
used."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from heliograph.domain.errors import HeliographError

_KEY: Final = re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----.*?-----END (?:[A-Z]+ )?PRIVATE KEY-----", re.DOTALL)

LARGEST_KEY: Final = 8_192
"""In bits: with a larger key, each request would take seconds."""


class BadCertificate(HeliographError):
    """These certificates cannot be used."""


def check_authorities(text: str) -> None:
    """Validates certificates of authorities, one after another (PEM). Raises BadCertificate."""
    if _KEY.search(text):
        raise BadCertificate("There is a private key among the certificates. Enter the authorities' certificates only.")
    _certificates(text)


def check_identity(text: str) -> None:
    """Validates a certificate (followed by those between it and its authority) and its private key. Raises BadCertificate, which repeats
    nothing of it."""
    keys = _KEY.findall(text)
    if len(keys) != 1:
        raise BadCertificate(
            "The certificate's private key is missing. Paste both, one after the other."
            if not keys
            else "There is more than one private key."
        )
    key = _private_key(keys[0])
    certificate = _certificates(text)[0]
    encoded = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*encoded) != certificate.public_key().public_bytes(*encoded):
        raise BadCertificate("The private key does not belong to the first certificate.")


def _private_key(text: str) -> PrivateKeyTypes:
    try:
        # Nothing is computed with the key here: checking the primes of a monstrous one would keep the process busy for hours.
        key = serialization.load_pem_private_key(text.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        raise BadCertificate(
            "The private key is protected by a password. Remove it first: openssl pkey -in key.pem -out open.pem"
        ) from None
    except (ValueError, UnicodeEncodeError):
        raise BadCertificate("The private key cannot be read.") from None
    except Exception:  # noqa: BLE001 -- an algorithm that the library does not know has many errors, and none may repeat the key
        raise BadCertificate("The private key is of an unsupported type.") from None
    if getattr(key, "key_size", 0) > LARGEST_KEY:
        raise BadCertificate("The private key has more than %(most)s bits.", most=LARGEST_KEY)
    return key


def _certificates(text: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(text.encode())
    except (ValueError, UnicodeEncodeError):
        raise BadCertificate("No certificate can be read. A certificate begins with -----BEGIN CERTIFICATE-----.") from None


def first_end(text: str) -> datetime | None:
    """When the first of these certificates ends; None if there is none that can be read."""
    try:
        return min((certificate.not_valid_after_utc for certificate in x509.load_pem_x509_certificates(text.encode())), default=None)
    except ValueError:
        return None
