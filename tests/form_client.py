"""A signed-in user as a program: reads the forms of pages, and posts them with any values."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import quote, urlencode, urljoin, urlsplit

from django.urls import Resolver404, resolve

from tests.e2e.showcase import Showcase


@dataclass(slots=True)
class Form:
    """A form on a page. fields: what a browser would send, and the names of its buttons."""

    path: str
    multipart: bool
    who: str
    fields: dict[str, str] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)

    @property
    def kind(self) -> tuple[str, frozenset[str]]:
        """Forms of the same view with the same fields are of one kind."""
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
    """A signed-in user as a program."""

    def __init__(self, of: Showcase, who: str) -> None:
        self._at = urlsplit(of.url)
        self._connection = http.client.HTTPConnection(self._at.netloc, timeout=60)
        self.who, self._session, self.token = who, of.sessions.get(who, ""), ""
        self._csrf = ""

    def close(self) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, str, bytes]:
        """Sends a request. Returns (status, redirect target, body)."""
        cookies = {"heliograph_session": self._session, "heliograph_csrf": self._csrf}
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items() if value)
        headers["Referer"] = self._at.geturl()
        path = path.partition("#")[0]  # a browser keeps it for itself
        self._connection.request(method, quote(path, safe="/?=&%+:;,@#-._~"), body, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            if cookie.startswith("heliograph_csrf="):
                self._csrf = cookie.partition("=")[2].partition(";")[0]
        return answer.status, answer.headers.get("Location", ""), text

    def forms(self, path: str) -> list[Form]:
        """The forms that are posted from this page. Uses a new connection, because an idle one may have been closed."""
        self._connection.close()
        _status, _to, text = self.ask("GET", path)
        parser = Forms(path, self.who)
        parser.feed(text.decode("utf-8", "replace"))
        parser.close()
        self.token = parser.token or self.token
        return list(parser.found.values())

    def post(self, form: Form, fields: Mapping[str, str]) -> int:
        """Posts the form. Returns the status."""
        given = {"csrfmiddlewaretoken": self._csrf or self.token, **fields}  # the cookie's, which is never older than that of a page
        if form.multipart:
            body = b"".join(
                b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), text.encode("utf-8", "surrogatepass"))
                for name, text in given.items()
            )
            return self.ask("POST", form.path, body + b"--x--\r\n", **{"Content-Type": "multipart/form-data; boundary=x"})[0]
        body = urlencode(given, errors="surrogatepass").encode()
        return self.ask("POST", form.path, body, **{"Content-Type": "application/x-www-form-urlencoded"})[0]

    def uploads(self, name: str, data: bytes) -> str:
        """Uploads a file to the import wizard. Returns the path of its columns' page."""
        head = f'--x\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{self.token}\r\n'
        head += f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        status, to, text = self.ask(
            "POST", "/import/", head.encode() + data + b"\r\n--x--\r\n", **{"Content-Type": "multipart/form-data; boundary=x"}
        )
        assert status == 302, text.decode()
        return to
