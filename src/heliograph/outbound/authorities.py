"""The trusted certificate authorities. They are always set, because the path compiled into a libcurl wheel is wrong on some systems."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import certifi

SYSTEM_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)


def bundle(environ: Mapping[str, str] = os.environ) -> str:
    """The path of the bundle: SSL_CERT_FILE if set, else the system's (to which an operator can add), else certifi's."""
    given = environ.get("SSL_CERT_FILE")
    if given and Path(given).is_file():
        return given
    return next((path for path in SYSTEM_BUNDLES if Path(path).is_file()), certifi.where())


def with_public(pem: str) -> str:
    """These certificates (PEM) together with the public ones."""
    return f"{Path(bundle()).read_text('utf-8', 'replace').rstrip()}\n{pem}"
