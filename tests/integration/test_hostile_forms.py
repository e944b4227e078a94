"""Every form of every page, with values in every field that no person types: no answer is an internal error (A8)."""

from __future__ import annotations

import http.client
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from urllib.parse import urlencode, urlsplit

import pytest
from tests.databases import Databases
from tests.e2e.showcase import BROKEN, Showcase, showcase
from tests.e2e.states import STATES
from tests.form_client import Browser, Form
from tests.hostile_workbooks import small
from tests.waiting import until

REFUSED_EVERYWHERE = {"NUL": "a\0b", "escape": "\x1b[0m", "long": "x" * 300_000}
"""No field accepts these: refused in the one place that checks all."""
ODD = {
    "half": "\ud800",
    "idna": "idna",
    "unicode_escape": "unicode_escape",
    "hex": "hex",
    "number": "9" * 40,
    "infinity": "1e999",
    "negative": "-1",
    "superscript": "²",
    "digits of another script": "١٢٣",
    "lines": "a\r\nb: c\n",
    "separator": "a\u2028b\u202e",
    "no character": "\ufdd0\U0010ffff",
    "pattern": "%_!" * 1_200,
    "bracket": '"[{<${{x.y}}:',
    "nearly too long": "é" * 99_000,
}
"""Texts that no field expects: refused by it, or accepted."""
TOGETHER = ("half", "idna", "number", "lines", "pattern", "nearly too long")
"""Values tried in all fields at once."""
ALONE = {what: ODD[what] for what in ("idna", "number", "superscript", "lines", "bracket")} | {"wide": "é" * 5_000}
"""Values tried in each field alone: if all are odd, the first refusal hides the others' effects."""
LEFT_OUT = re.compile(r"^/accounts/sign-out/")


def states(of: Showcase) -> Iterator[tuple[str, str]]:
    """(who, path) of every page in every state; one each."""
    seen = set()
    for state in STATES:
        path = state.path if isinstance(state.path, str) else state.path(of)
        if (state.who, path) not in seen and BROKEN not in path:  # that page shows the error page
            seen.add((state.who, path))
            yield state.who, path


@pytest.mark.timeout(900)
@pytest.mark.parametrize("thorough", [False, pytest.param(True, marks=pytest.mark.trial)])
def test_A8_no_field_of_any_form_makes_an_error_of_ours(databases: Databases, thorough: bool) -> None:
    """thorough: every text in every field alone; otherwise one of them in each, in turn."""
    with databases.migrated() as facts, showcase(facts) as of, ExitStack() as stack:
        people = {who: stack.enter_context(closing(Browser(of, who))) for who, _path in states(of)}
        pages = list(states(of))
        planner = people["planning"]
        planner.forms("/import/")
        for name, data in (("a.csv", "code;name\nH-1;Müller\n".encode("cp1252")), ("a.xlsx", small())):
            pages.append(("planning", planner.uploads(name, data)))
        columns = pages[-2][1]
        (chosen,) = [form for form in planner.forms(columns) if "c-1" in form.fields]
        assert planner.post(chosen, chosen.fields | {"do": "", "c-1": "code", "c-2": "profile.first_name", "event": "SUMMIT-26"}) == 302
        dry = columns.replace("/columns/", "/dry-run/")
        until(lambda: any("do" in form.fields for form in planner.forms(dry)))
        pages.append(("planning", dry))

        forms: dict[tuple[str, frozenset[str]], Form] = {}
        for who, path in pages:
            for form in people[who].forms(path):
                if (form.fields or form.files) and not LEFT_OUT.match(urlsplit(form.path).path):
                    forms.setdefault(form.kind, form)
        routes = {route for route, _fields in forms}
        assert len(routes) > 50, sorted(routes)

        errors, log, statuses, alone = list[str](), list[str](), Counter[int](), set[tuple[str, str]]()

        def sent(form: Form, fields: Mapping[str, str], what: str) -> None:
            try:
                status = people[form.who].post(form, fields)
            except (OSError, http.client.HTTPException) as error:
                people[form.who].close()  # the next request connects again
                errors.append(f"{error!r} {form.path} {what}")
                return
            statuses[status] += 1
            if status >= 500:
                errors.append(f"{status} {form.path} {what}")
                log.append((facts.data / "pages.log").read_text("utf-8", "replace")[-1_500:])
            elif what in REFUSED_EVERYWHERE and status not in (400, 403, 404, 405, 409, 410, 413, 429):
                errors.append(f"{status} {form.path} took {what}")

        for (route, _names), form in forms.items():
            people[form.who].forms(next(path for who, path in pages if who == form.who))  # a token of this session
            for what, text in {**REFUSED_EVERYWHERE, **(ODD if thorough else {what: ODD[what] for what in TOGETHER})}.items():
                most = max(1, 2_000_000 // len(urlencode({"": text}, errors="surrogatepass")))  # a form is of 2.5 MB at most
                sent(form, dict.fromkeys(list(form.fields)[:most], text), what)
            for name in form.fields:
                if (route, re.sub(r"\d+", "#", name)) in alone:
                    continue
                alone.add((route, re.sub(r"\d+", "#", name)))
                turn = list(ALONE)[len(alone) % len(ALONE)]
                for what in ALONE if thorough else (turn,):
                    sent(form, form.fields | {name: ALONE[what]}, f"{name}: {what}")
        assert not errors, "\n".join([str(len(errors)), *errors[:200], *log[:8]])
        assert statuses[404] < sum(statuses.values()) / 5, statuses


CODECS = ("idna", "hex", "zlib_codec", "unicode_escape", "utf-7", "punycode", "undefined", "rot13", "utf-16")


@pytest.mark.timeout(300)
def test_A8_the_codec_of_a_request_is_not_the_senders_choice(databases: Databases) -> None:
    """Not even for a stranger, on any page, in a header that Django reads before authentication."""
    part = b'--x\r\nContent-Disposition: form-data; name="login"%s\r\n\r\na\r\n--x--\r\n'
    with databases.migrated() as facts, showcase(facts) as of, ExitStack() as stack:
        for browser in (stack.enter_context(closing(Browser(of, who))) for who in ("", "administrator")):
            browser.forms("/accounts/sign-in/")
            for path in ("/accounts/sign-in/?next=%41", "/nothing?a=b", "/registrations/?q=%41", "/import/"):
                for codec in CODECS:
                    kinds = [
                        f"{kind}; charset={codec}" for kind in ("multipart/form-data; boundary=x", "application/x-www-form-urlencoded")
                    ]
                    kinds += [f"text/html; charset*={codec}''%41", "text/html; charset*=utf-8'x", f"text/plain; charset={codec}"]
                    for kind in kinds:
                        for method in ("GET", "POST"):
                            status, _to, _text = browser.ask(method, path, part % b"", **{"Content-Type": kind})
                            assert status < 500, (method, path, kind)
                    for name in (f"filename*={codec}''%41", f"name*={codec}''%41", f"charset={codec}"):
                        body = part % f"; {name}".encode()
                        status, _to, _text = browser.ask("POST", path, body, **{"Content-Type": "multipart/form-data; boundary=x"})
                        assert status < 500, (path, name)
        log = (facts.data / "pages.log").read_text("utf-8", "replace")
        assert "Traceback" not in log, log[log.index("Traceback") - 1_000 :][:6_000]
