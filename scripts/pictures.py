"""Takes the pictures of docs/pictures from a demo of its own (`make pictures`): what the README shows is what a newcomer sees."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
GREETING = re.compile(r"runs at +(http://\S+)\s+User +(\S+)\s+Password +(\S+)")
MOST = 150_000  # bytes of a picture
WIDTH, HEIGHT = 1280, 720
SECONDS = 75  # until the demo has something of each kind to show
SHOWN = {"feed": "/signal/metrics/feed/", "retry": "/signal/retry/"}


def main() -> int:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "demo.log"
        with log.open("wb") as output:
            demo = subprocess.Popen([sys.executable, "-m", "heliograph", "demo", "--data", f"{folder}/demo"], stdout=output, stderr=output)
        try:
            url, user, password = _greeting(demo, log)
            time.sleep(SECONDS)
            with sync_playwright() as playwright:
                flags = ["--no-sandbox"] if os.geteuid() == 0 else []
                browser = playwright.chromium.launch(executable_path=_chromium(), args=flags)
                _take(browser, url, user, password)
                browser.close()
        finally:
            demo.send_signal(signal.SIGINT)
            demo.wait(20)
    return 0


def _chromium() -> str:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell"))), None)
    if found is None:
        raise SystemExit("No Chromium found; on Debian: apt-get install chromium")
    return found


def _greeting(demo: subprocess.Popen[bytes], log: Path) -> tuple[str, ...]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        said = log.read_text("utf-8", "replace")
        if found := GREETING.search(said):
            return found.groups()
        if demo.poll() is not None:
            raise SystemExit(f"heliograph demo ended:\n{said}")
        time.sleep(0.2)
    raise SystemExit(f"heliograph demo did not say where it is:\n{log.read_text()}")


def _take(browser: Browser, url: str, user: str, password: str) -> None:
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB", reduced_motion="reduce")
    page.goto(url)
    page.get_by_label("E-mail").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    for name, path in SHOWN.items():
        page.goto(url + path)
        _shoot(page, PICTURES / f"{name}.png")


def _shoot(page: Page, file: Path) -> None:
    """What is on the screen; less of it where the picture would be too large."""
    height = HEIGHT
    while True:
        page.screenshot(path=file, clip={"x": 0, "y": 0, "width": WIDTH, "height": height})
        if file.stat().st_size <= MOST:
            print(f"{file.name}: {file.stat().st_size // 1000} kB, {WIDTH} × {height}")
            return
        height -= 40


if __name__ == "__main__":
    sys.exit(main())
