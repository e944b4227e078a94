"""docs/reference/inbound.md says what the code does (S2)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from heliograph.domain.source import handshake, inbound_request, verifier
from heliograph.domain.source.verification import Place, PlaceKind, Proof, SecretForm, SignedText, Verification
from heliograph.domain.source.verification_presets import PRESETS
from heliograph.engine.ingest import batch_queue, inbound_rules

pytestmark = pytest.mark.once
PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "inbound.md").read_text("utf-8")


def table(*heads: str) -> Iterator[list[str]]:
    """The rows of the table with these heads."""
    _, _, rest = PAGE.partition(f"| {' | '.join(heads)} |\n")
    assert rest, f"no table {heads}"
    for line in rest.splitlines()[1:]:
        if not line.startswith("|"):
            return
        yield [cell.strip() for cell in line.strip("|").split("|")]


def place(of: Place | None) -> str:
    if of is None:
        return "–"
    return {PlaceKind.HEADER: f"header `{of.name}`", PlaceKind.ITEM: f"`{of.name}` in it", PlaceKind.MEMBER: f"member `{of.name}`"}[of.kind]


def proof(row: Verification) -> str:
    if row.proof is Proof.PATH:
        return "the first segment behind the address"
    header = " or ".join(f"`{name}`" for name in row.headers)
    if row.proof is Proof.TOKEN:
        return f"{header}: the secret"
    return f"{header}: {f'`{row.prefix}` and ' if row.prefix else ''}{row.encoding.value}, {row.algorithm.value}"


def signed_text(row: Verification) -> str:
    if row.proof is not Proof.SIGNATURE:
        return "–"
    return f"`{''.join(part.text if isinstance(part, SignedText) else '{' + part.value + '}' for part in row.signed)}`"


def secret(row: Verification) -> str:
    if row.secret_form is SecretForm.TEXT:
        return "text"
    return f"{f'`{row.secret_prefix}` and ' if row.secret_prefix else ''}{row.secret_form.value}"


def test_S2_each_preset_has_its_row() -> None:
    rows = list(table("sender", "preset", "proof", "signed text", "timestamp", "secret", "identifier"))
    assert rows == [
        [
            preset.name,
            f"`{slug}`",
            proof(preset.verification),
            signed_text(preset.verification),
            f"{place(preset.verification.timestamp)}, {preset.verification.unit.value}" if preset.verification.checks_age else "–",
            secret(preset.verification),
            place(preset.verification.id),
        ]
        for slug, preset in PRESETS.items()
    ]


def test_S2_each_reason_proof_and_handshake_has_its_row() -> None:
    assert named("reason", "means") == set(inbound_request.RefusalReason)
    assert named("proof", "a call must have") == set(Proof)
    assert named("name", "what comes", "what is answered") == handshake.HANDSHAKES.keys()


def named(*heads: str) -> set[str]:
    return {name for row in table(*heads) for name in re.findall(r"`([^`]+)`", row[0])}


def test_S2_each_limit_is_that_of_the_code() -> None:
    assert dict(table("limit", "is")) == {
        "body of a call": f"{inbound_rules.LARGEST_CALL:,} bytes",
        "bodies that a process holds at one time, of one source half": f"{inbound_rules.MOST_CALL_BYTES:,} bytes",
        "calls that wait to be stored, of one account half": f"{batch_queue.MOST_WAITING:,}",
        "headers of a call that are kept, and the characters of each": f"{inbound_rules.MOST_HEADERS}, {inbound_rules.LONGEST_VALUE:,}",
        "identifier of a call; of a longer one its digest is kept": f"{verifier.LONGEST_ID} characters",
        "secrets that are tried": f"{verifier.MOST_SECRETS}",
    }
    assert f"up to {verifier.MOST_SIGNATURES}, with every valid secret" in PAGE
    assert f"at most {handshake.LONGEST_CHALLENGE:,} characters" in PAGE
