"""Every form of every page, with what no person types in every one of its fields: no answer is an error of ours (A8)."""

from __future__ import annotations

import http.client
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import quote, urlencode, urljoin, urlsplit

import pytest
from django.urls import Resolver404, resolve
from tests.databases import Databases
from tests.e2e.showcase import BROKEN, Showcase, showcase
from tests.e2e.states import STATES
from tests.hostile_workbooks import small
from tests.waiting import until

REFUSED_EVERYWHERE = {"NUL": "a\0b", "escape": "\x1b[0m", "long": "x" * 300_000}
"""No text of any field: refused in the one place that checks them all."""
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
"""Texts, though no field means them: refused by it, or taken."""
TOGETHER = ("half", "idna", "number", "lines", "pattern", "nearly too long")
"""What is tried in all fields at once."""
ALONE = {what: ODD[what] for what in ("idna", "number", "superscript", "lines", "bracket")} | {"wide": "é" * 5_000}
"""What is tried in each field by itself: where all are odd, the first refusal hides what the others would do."""
LEFT_OUT = re.compile(r"^/accounts/sign-out/")


@dataclass(slots=True)
class Form:
    """A form as a page shows it. fields: what a browser would send of it, and the names of its buttons."""

    path: str
    multipart: bool
    who: str
    fields: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    @property
    def kind(self) -> tuple[str, frozenset[str]]:
        """Forms of the same view with the same fields are one."""
        try:
            route = resolve(urlsplit(self.path).path).route
        except Resolver404:
            route = self.path
        return route, frozenset(re.sub(r"\d+", "#", name) for name in self.fields)


class Forms(HTMLParser):
    """Finds the forms of a page that are posted."""

    def __init__(self, url: str, who: str) -> None:
        super().__init__(convert_charrefs=True)
        self.url, self.who = url, who
        self.found: dict[str, Form] = {}
        self.elsewhere: dict[str, dict[str, str]] = {}
        self.token = ""
        self._form: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method", "get").lower() == "post":
            form = Form(urljoin(self.url, given.get("action", "")), "multipart" in given.get("enctype", ""), self.who)
            self._form = self.found[given.get("id", f"#{len(self.found)}")] = form
        name = given.get("name", "")
        if tag not in {"input", "select", "textarea", "button"} or not name:
            return
        if name == "csrfmiddlewaretoken":
            self.token = given.get("value", "")
            return
        fields = self.elsewhere.setdefault(given["form"], {}) if "form" in given else self._form.fields if self._form else {}
        if given.get("type") == "file":
            if self._form:
                self._form.files.append(name)
        else:
            fields.setdefault(name, given.get("value", ""))
            if path := given.get("formaction"):
                self.found[f"#{len(self.found)} {path}"] = Form(urljoin(self.url, path), multipart=False, who=self.who, fields=fields)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None

    def close(self) -> None:
        super().close()
        for id, fields in self.elsewhere.items():
            if id in self.found:
                self.found[id].fields |= fields


class Browser:
    """Somebody who is signed in, as a program."""

    def __init__(self, of: Showcase, who: str) -> None:
        self._at = urlsplit(of.url)
        self._connection = http.client.HTTPConnection(self._at.netloc, timeout=60)
        self.who, self._session, self.token = who, of.sessions.get(who, ""), ""
        self._csrf = ""

    def close(self) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str, bytes]:
        """(status, where it leads, body)."""
        cookies = {"heliograph_session": self._session, "heliograph_csrf": self._csrf}
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items() if value)
        headers["Referer"] = self._at.geturl()
        self._connection.request(method, quote(path, safe="/?=&%+:;,@#-._~"), body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            if cookie.startswith("heliograph_csrf="):
                self._csrf = cookie.partition("=")[2].partition(";")[0]
        return answer.status, answer.headers.get("Location", ""), text

    def forms(self, path: str) -> list[Form]:
        """The forms that are posted from this page. On a connection of its own: one that was idle for long is closed by now."""
        self._connection.close()
        _status, _to, text = self.ask("GET", path)
        parser = Forms(path, self.who)
        parser.feed(text.decode("utf-8", "replace"))
        parser.close()
        self.token = parser.token or self.token
        return list(parser.found.values())

    def post(self, form: Form, fields: Mapping[str, str]) -> int:
        """The status of what comes of it."""
        given = {"csrfmiddlewaretoken": self.token, **fields}
        if form.multipart:
            body = b"".join(
                b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), text.encode("utf-8", "surrogatepass"))
                for name, text in given.items()
            )
            return self.ask("POST", form.path, body + b"--x--\r\n", **{"Content-Type": "multipart/form-data; boundary=x"})[0]
        body = urlencode(given, errors="surrogatepass").encode()
        return self.ask("POST", form.path, body, **{"Content-Type": "application/x-www-form-urlencoded"})[0]

    def uploads(self, name: str, data: bytes) -> str:
        """The columns' page of a file in the import wizard."""
        head = f'--x\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{self.token}\r\n'
        head += f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        status, to, text = self.ask(
            "POST", "/import/", head.encode() + data + b"\r\n--x--\r\n", **{"Content-Type": "multipart/form-data; boundary=x"}
        )
        assert status == 302, text.decode()
        return to


def states(of: Showcase) -> Iterator[tuple[str, str]]:
    """(who, path) of every page in every state; one each."""
    seen = set()
    for state in STATES:
        path = state.path if isinstance(state.path, str) else state.path(of)
        if (state.who, path) not in seen and BROKEN not in path:  # whose page shows that something broke
            seen.add((state.who, path))
            yield state.who, path


@pytest.mark.timeout(900)
@pytest.mark.parametrize("thorough", [False, pytest.param(True, marks=pytest.mark.trial)])
def test_A8_no_field_of_any_form_makes_an_error_of_ours(databases: Databases, thorough: bool) -> None:
    """thorough: every text in every field by itself; else one of them in each, in turn."""
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
    """Also not for a stranger, on any page, in a header that Django reads before it asks anybody."""
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
