"""The browser harness itself: what it must catch, it catches."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page
from tests import accessibility
from tests.conftest import PageErrors
from tests.waiting import until

GOOD = b"<!doctype html><html lang=en><title>Page</title><meta name=viewport content='width=device-width'><main><h1>Page</h1></main></html>"


def with_controls(html: str, script: str = "") -> bytes:
    style = "<style>:focus-visible { outline: 2px solid; }</style>"
    return GOOD.replace(b"</main>", f"{style}{html}</main><script>{script}</script>".encode())


def text(html: str, style: str = "", before: str = "") -> bytes:
    style = f"<style>html {{ background: #fff }} p {{ color: #111 }} {style}</style>"
    return GOOD.replace(b"</main>", f"{style}{before}<p>{html}</p></main>".encode())


class Pages(http.server.BaseHTTPRequestHandler):
    pages = {
        "/good": GOOD,
        "/far": GOOD.replace(b"</main>", b"<img alt='' src='http://192.0.2.1/x.png'></main>"),
        "/script": GOOD.replace(b"</main>", b"</main><script>throw new Error('broken')</script>"),
        "/pale": GOOD.replace(b"</main>", b"<p style='color:#ccc;background:#fff'>pale</p></main>"),
        "/pale/one": GOOD.replace(b"</main>", b"<p>dark</p><p>dark</p><p style='color:#ccc'>pale</p>" + b"<p>dark</p>" * 9 + b"</main>"),
        "/pale/ground": GOOD.replace(
            b"</main>", b"<p>dark</p>" * 9 + b"<div style='background:#333'><p>dark</p></div>" + b"<p>dark</p>" * 9 + b"</main>"
        ),
        "/pale/night": GOOD.replace(
            b"</main>", b"<style>@media (prefers-color-scheme: dark) { p { color: #ccc } }</style>" + b"<p>text</p>" * 9 + b"</main>"
        ),
        "/known": text("on white"),
        "/known/colour": text("on white", "p { color: #ccc }"),
        "/known/ground": text("on white", "p { background: #444 }"),
        "/known/ground/far": text("on white", "body { background: #444 }"),
        "/known/opacity": text("on white", "main { opacity: 0.4 }"),
        "/known/night": text("on white", "@media (prefers-color-scheme: dark) { p { color: #ccc } }"),
        "/known/phone": text("on white", "@media (width < 600px) { p { color: #ccc } }"),
        "/known/inline": text("<span style='color:#ccc'>on white</span>"),
        "/known/placeholder": text("<input aria-label=a value=on-white style='color:#ccc;background:#fff'>"),
        "/known/under": text("on white", "p { position: relative } i { position: absolute; inset: 0; background: #444 }", "<i></i>"),
        "/known/beside": text("on white", "main { background: #fff } p { position: absolute; top: 400px } html { background: #444 }"),
        "/large": text("large", "p { font-size: 24px; color: #888 }"),
        "/large/not": text("large", "p { color: #888 }"),
        "/link": text("more than a link: <a href=/a>link</a>", "a { color: #006 }"),
        "/link/plain": text("more than a link: <a href=/a>link</a>", "a { color: #006; text-decoration: none }"),
        "/link/night": text(
            "more than a link: <a href=/a>link</a>",
            "a { color: #06f; text-decoration: none } @media (prefers-color-scheme: dark) { a { color: #006 } }",
        ),
        "/controls": with_controls("<a href=/a>a</a> <input aria-label=b> <button>c</button>"),
        "/many": with_controls("<a href=/n>n</a> " * 20),
        "/unseen": with_controls("<a href=/a style='outline:none'>a</a>"),
        "/covered": with_controls("<a href=/a>a</a><div style='position:fixed;inset:0;background:#fff'></div>"),
        "/missed": with_controls("<a href=/a id=a>a</a><a href=/b>b</a>", "a.onkeydown = (event) => { a.blur(); event.preventDefault(); }"),
        "/endless": with_controls(
            "<a href=/a id=a>a</a><a href=/b id=b>b</a>", "b.onkeydown = (event) => { a.focus(); event.preventDefault(); }"
        ),
        "/favicon.ico": b"",
    }

    def do_GET(self) -> None:
        body = self.pages[self.path]
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def reported(page: Page, errors: PageErrors) -> list[str]:
    """What the browser has reported so far, after it was given time to."""
    page.wait_for_timeout(20)
    return errors.found


def test_a_good_page_passes(page: Page, site: str) -> None:
    page.goto(f"{site}/good")
    accessibility.sweep(page)


def test_a_request_that_leaves_the_machine_is_an_error(page: Page, site: str, page_errors: PageErrors) -> None:
    page_errors.expect("192.0.2.1")
    page.goto(f"{site}/far", wait_until="commit")
    until(lambda: reported(page, page_errors))
    assert "a request left this machine: http://192.0.2.1/x.png" in page_errors.found


def test_a_script_error_is_an_error(page: Page, site: str, page_errors: PageErrors) -> None:
    page_errors.expect("broken")
    page.goto(f"{site}/script")
    until(lambda: reported(page, page_errors))
    assert any("broken" in line for line in page_errors.found)


@pytest.mark.parametrize("path", ["pale", "pale/one", "pale/ground", "pale/night"])
def test_pale_text_is_a_violation(page: Page, site: str, path: str) -> None:
    """Also of one text among many that are alike otherwise, and in one colour scheme alone."""
    page.goto(f"{site}/{path}")
    with pytest.raises(AssertionError, match="color-contrast"):
        accessibility.sweep(page)


KNOWN = ["colour", "ground", "ground/far", "opacity", "night", "phone", "inline", "placeholder", "under", "beside"]


@pytest.mark.parametrize("path", [f"known/{fault}" for fault in KNOWN])
def test_pale_text_is_a_violation_where_the_like_has_passed(page: Page, site: str, path: str) -> None:
    """Whatever makes it paler: what is remembered is that of a text on its ground, not its words or its place."""
    page.goto(f"{site}/known")
    accessibility.sweep(page)
    page.goto(f"{site}/{path}")
    for _ in ("once", "and again"):
        with pytest.raises(AssertionError, match="color-contrast"):
            accessibility.sweep(page)


def test_small_text_is_not_known_by_large_text(page: Page, site: str) -> None:
    page.goto(f"{site}/large")
    accessibility.sweep(page)
    page.goto(f"{site}/large/not")
    with pytest.raises(AssertionError, match="color-contrast"):
        accessibility.sweep(page)


def test_text_that_is_known_is_not_judged_again(page: Page, site: str) -> None:
    page.goto(f"{site}/known")
    accessibility.sweep(page)
    page.evaluate(
        "() => { const run = axe.run; axe.run = (where, what) => { window.rules = what.runOnly?.values; return run(where, what); }; }"
    )
    accessibility.sweep(page)
    assert page.evaluate("window.rules") is None, "the rules but contrast"


@pytest.mark.parametrize("path", ["link/plain", "link/night"])
def test_a_link_in_text_that_only_its_colour_tells_is_a_violation(page: Page, site: str, path: str) -> None:
    page.goto(f"{site}/link")
    accessibility.sweep(page)
    page.goto(f"{site}/{path}")
    with pytest.raises(AssertionError, match="link-in-text-block"):
        accessibility.sweep(page)


def test_a_walk_names_the_controls_in_their_order(page: Page, site: str) -> None:
    page.goto(f"{site}/controls")
    assert accessibility.walk(page) == ["a a", "input b", "button c"]
    assert accessibility.walk(page) == ["a a", "input b", "button c"], "and again from the top"
    page.goto(f"{site}/many")
    assert len(accessibility.walk(page)) == 20
    page.goto(f"{site}/good")
    assert accessibility.walk(page) == []


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("unseen", "nothing shows that these have the focus: \\['a a'\\]"),
        ("covered", "lie under something: \\['a a'\\]"),
        ("missed", 'does not reach:\n<a href="/b"'),
        ("endless", "does not come to an end; last was \\['a [ab]'\\]"),
    ],
)
def test_what_a_keyboard_cannot_do_is_found(page: Page, site: str, path: str, said: str) -> None:
    page.goto(f"{site}/{path}")
    with pytest.raises(AssertionError, match=said):
        accessibility.walk(page, most=40)
