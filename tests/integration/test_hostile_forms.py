"""Every form of every page, with values in every field that no person types: no answer is an internal error (A8)."""

from __future__ import annotations

import http.client
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import pytest
from tests.databases import DatabaseFacts, Databases
from tests.e2e.showcase import BROKEN, Showcase, showcase
from tests.e2e.states import STATES
from tests.form_client import Browser, Form
from tests.hostile_workbooks import small
from tests.waiting import until

REFUSED_EVERYWHERE = {"NUL": "a\0b", "escape": "\x1b[0m", "long": "x" * 300_000}
"""No field accepts these: refused in the one place that checks all. Each form meets one of them, in turn."""
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
    "nearly too long": "xxxxxxxxxé" * 9_900,  # few of its letters have to be escaped, which is what takes time
}
"""Texts that no field expects: refused by it, or accepted."""
TOGETHER = ("half", "idna", "number", "lines", "pattern", "nearly too long")
"""Values tried in all fields at once."""
ALONE = {what: ODD[what] for what in ("idna", "number", "superscript", "lines", "bracket")} | {"wide": "é" * 5_000}
"""Values tried in each field alone: if all are odd, the first refusal hides the others' effects."""
LARGEST = 700_000
"""Bytes of a form; one of 2.5 MB is refused, and large ones take long to read and to show again."""
LEFT_OUT = re.compile(r"^/accounts/sign-out/")


@dataclass(frozen=True, slots=True)
class Served:
    """A showcase, and what its pages' process writes."""

    of: Showcase
    facts: DatabaseFacts

    def log(self) -> str:
        return (self.facts.data / "pages.log").read_text("utf-8", "replace")


@pytest.fixture(scope="module")
def served(databases: Databases) -> Iterator[Served]:
    """The same for all tests of this file: filling one takes longer than most of what they ask."""
    with databases.migrated() as facts, showcase(facts) as of:
        yield Served(of, facts)


CODECS = ("idna", "hex", "zlib_codec", "unicode_escape", "utf-7", "punycode", "undefined", "rot13", "utf-16")


def test_A8_the_codec_of_a_request_is_not_the_senders_choice(served: Served) -> None:
    """Not even for a stranger, on any page, in a header that Django reads before authentication."""
    part = b'--x\r\nContent-Disposition: form-data; name="login"%s\r\n\r\na\r\n--x--\r\n'
    with ExitStack() as stack:
        for browser in (stack.enter_context(closing(Browser(served.of, who))) for who in ("", "administrator")):
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
    log = served.log()
    assert "Traceback" not in log, log[log.index("Traceback") - 1_000 :][:6_000]


def states(of: Showcase) -> Iterator[tuple[str, str]]:
    """(who, path) of every page in every state; one each."""
    seen = set()
    for state in STATES:
        path = state.path if isinstance(state.path, str) else state.path(of)
        if (state.who, path) not in seen and BROKEN not in path:  # that page shows the error page
            seen.add((state.who, path))
            yield state.who, path


class Sender:
    """Posts forms as whoever saw them, and notes every answer that is an error."""

    def __init__(self, served: Served, people: Mapping[str, Browser]) -> None:
        self._served, self._people = served, people
        self.errors, self.log, self.statuses = list[str](), list[str](), Counter[int]()

    def in_all(self, form: Form, what: str, text: str) -> None:
        """The text in all fields; if that is an error, in each alone, to name the field."""
        most = max(1, LARGEST // len(urlencode({"": text}, errors="surrogatepass")))
        names = list(form.fields)[:most]
        if self._is_error(form, dict.fromkeys(names, text), what):
            for name in names:
                self.in_one(form, name, what, text)

    def in_one(self, form: Form, name: str, what: str, text: str) -> None:
        """The text in this field, and in the others what the page shows in them."""
        self._is_error(form, form.fields | {name: text}, f"{name}: {what}")

    def _is_error(self, form: Form, fields: Mapping[str, str], what: str) -> bool:
        try:
            status = self._people[form.who].post(form, fields)
        except (OSError, http.client.HTTPException) as error:
            self._people[form.who].close()  # the next request connects again
            self.errors.append(f"{error!r} {form.path} {what}")
            return True
        self.statuses[status] += 1
        if status >= 500:
            self.errors.append(f"{status} {form.path} {what}")
            self.log.append(self._served.log()[-1_500:])
        elif what in REFUSED_EVERYWHERE and status not in (400, 403, 404, 405, 409, 410, 413, 429):
            self.errors.append(f"{status} {form.path} took {what}")
        return status >= 500


def forms_of_every_page(served: Served, people: Mapping[str, Browser]) -> dict[tuple[str, frozenset[str]], Form]:
    """One form of each kind, of the pages in all their states and of an import on its way."""
    pages = list(states(served.of))
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
    return forms


@pytest.mark.timeout(900)
@pytest.mark.parametrize("thorough", [False, pytest.param(True, marks=pytest.mark.trial)])
def test_A8_no_field_of_any_form_makes_an_error_of_ours(served: Served, thorough: bool) -> None:
    """thorough: every text in every field alone; otherwise one of them in each, in turn."""
    with ExitStack() as stack:
        people = {who: stack.enter_context(closing(Browser(served.of, who))) for who, _path in states(served.of)}
        sender, alone = Sender(served, people), set[tuple[str, str]]()
        for n, ((route, _names), form) in enumerate(forms_of_every_page(served, people).items()):
            people[form.who].close()  # it may have been idle for too long
            refused = list(REFUSED_EVERYWHERE) if thorough else [list(REFUSED_EVERYWHERE)[n % len(REFUSED_EVERYWHERE)]]
            for what in refused:
                sender.in_all(form, what, REFUSED_EVERYWHERE[what])
            for what in ODD if thorough else TOGETHER:
                sender.in_all(form, what, ODD[what])
            for name in form.fields:
                if (route, re.sub(r"\d+", "#", name)) in alone:
                    continue
                alone.add((route, re.sub(r"\d+", "#", name)))
                turn = list(ALONE)[len(alone) % len(ALONE)]
                for what in ALONE if thorough else (turn,):
                    sender.in_one(form, name, what, ALONE[what])
        statuses = sender.statuses
        assert not sender.errors, "\n".join([str(len(sender.errors)), *sender.errors[:200], *sender.log[:8]])
        assert statuses[404] < sum(statuses.values()) / 5, statuses
        assert statuses[403] < sum(statuses.values()) / 50, statuses  # a form without a valid token is read by nobody
