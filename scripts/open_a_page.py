"""Starts an installed `heliograph`, opens its first page with every style sheet and script of it and a picture of the guide, compares the OpenAPI file, and stops it (see release.py)."""

from __future__ import annotations

import html.parser
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

PATIENCE = 60
"""Seconds for an answer: other work may keep the machine busy."""


class Parts(html.parser.HTMLParser):
    """Addresses of a page's style sheets and scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = (
            given.get("href")
            if tag == "link" and "stylesheet" in (given.get("rel") or "")
            else given.get("src")
            if tag == "script"
            else None
        )
        if address:
            self.found.append(address)


def main(command: str, data: Path, openapi_file: Path) -> int:
    subprocess.run([command, "--help"], capture_output=True, check=True)
    data.mkdir()
    log = data.parent / "demo.log"
    environment = {**os.environ, "HELIOGRAPH_DATA": str(data)}
    with log.open("wb") as output:
        process = subprocess.Popen([command, "demo"], env=environment, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        page, address = first_page(process, log)
        parts = Parts()
        parts.feed(page)
        assert any(".css" in part for part in parts.found), f"no style sheet in the page:\n{page}"
        for part in parts.found:
            with urllib.request.urlopen(urllib.parse.urljoin(address, part), timeout=PATIENCE) as answer:
                kind, body = answer.headers["Content-Type"], answer.read()
            assert kind.startswith(("text/css", "text/javascript")), f"{part}: {len(body)} bytes of {kind}"
            assert body, f"{part}: {len(body)} bytes of {kind}"
        style = next(part for part in parts.found if part.endswith("/app.css"))
        with urllib.request.urlopen(urllib.parse.urljoin(address, style.replace("app.css", "guide/tags.png")), timeout=PATIENCE) as answer:
            assert answer.headers["Content-Type"] == "image/png", "the guide's pictures are not in the package"
        written = subprocess.run([command, "openapi"], capture_output=True, check=True).stdout
        with urllib.request.urlopen(urllib.parse.urljoin(address, "/api/v1/openapi.json"), timeout=PATIENCE) as answer:
            served = answer.read()
        assert served == written, "the OpenAPI file that is served is not the one that the command writes"
        assert served == openapi_file.read_bytes(), f"{openapi_file.name} is not the file that is served"
        print(f"its page has {len(parts.found)} style sheets and scripts, the guide has its pictures, the OpenAPI file is what is served")
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        assert code == 0, f"heliograph demo ended with {code} on SIGTERM:\n{log.read_text()}"
    except BaseException:
        for each in sorted(data.rglob("*.log")):
            print(f"--- {each.name}\n{each.read_text('utf-8', 'replace')[-4000:]}", file=sys.stderr)
        raise
    finally:
        if process.poll() is None:  # asked first: what it has started is in sessions of its own
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return 0


def first_page(process: subprocess.Popen[bytes], log: Path) -> tuple[str, str]:
    """The page at the address that the demo prints, and the address it ended at."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        said = log.read_text("utf-8", "replace")
        assert process.poll() is None, f"heliograph demo ended with {process.returncode}:\n{said}"
        for address in re.findall(r"http://(?:127\.0\.0\.1|localhost):\d+", said):
            try:
                with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
                    if answer.headers["Content-Type"].startswith("text/html"):
                        return answer.read().decode(), answer.url
            except OSError:
                continue
        time.sleep(0.2)
    raise AssertionError(f"heliograph demo showed no page within two minutes:\n{log.read_text()}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
