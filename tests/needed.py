"""Programs and fonts that the tests need beside Python: what is not here, what Debian or Ubuntu can install, and what this release does not have.

What a release lacks stops nothing: its tests are listed at the end of `make test` as not run, with the reason, and all others run. Without apt or
its rights it is said by name what is needed; HELIOGRAPH_TEST_WITHOUT=ntfy,webhook (names of NEEDED, separated by commas) goes on without it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from heliograph.stage import machine_clocks
from tests import postgres

BROWSERS: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""Programs that the tests in a browser can use, best first: the shell is the same engine without a browser's window, for two thirds of the CPU."""
FONTS: Final = Path("/usr/share/fonts/truetype/noto")
CJK_FONTS: Final = Path("/usr/share/fonts/opentype/noto")
WITHOUT: Final = "HELIOGRAPH_TEST_WITHOUT"
"""The variable that names what is lacking, for pytest."""


@dataclass(frozen=True, slots=True)
class Needed:
    """One thing that tests need.

    package: Debian's; purpose: in words; is_here: whether this machine has it. rather: a package, and its program, that does the same with less work. Where the
    release has it, it is installed in place of the package, and along with anything else that is; nobody is asked for it, or waits for it alone.
    """

    name: str
    package: str
    purpose: str
    is_here: Callable[[], bool]
    rather: str = ""


def program(name: str) -> str | None:
    """The path of a program; also of a server's, whose folder may not be in the PATH of a user."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin")


def _program(*names: str) -> Callable[[], bool]:
    return lambda: any(program(name) for name in names)


def _programs(*names: str) -> Callable[[], bool]:
    return lambda: all(program(name) for name in names)


NEEDED: Final = (
    Needed("git", "git", "git, which has the commit of the previous release", _program("git")),
    Needed("postgresql", "postgresql", f"PostgreSQL {postgres.OLDEST} or later", lambda: postgres.binaries() is not None),
    Needed("chromium", "chromium", "Chromium", _program(*BROWSERS), rather="chromium-headless-shell"),
    Needed("ntfy", "ntfy", "ntfy, a real target", _program("ntfy")),
    Needed("webhook", "webhook", "webhook, a real target", _program("webhook")),
    Needed("libfaketime", "libfaketime", "libfaketime, which sets clocks", lambda: machine_clocks.library() is not None),
    Needed("prometheus", "prometheus", "Prometheus with promtool", _programs("prometheus", "promtool")),
    Needed("systemd", "systemd", "systemd-analyze, which checks the units", _program("systemd-analyze")),
    Needed(
        "gettext", "gettext", "gettext, which reads the texts from the sources", _programs("xgettext", "msguniq", "msgmerge", "msgattrib")
    ),
    Needed("nginx", "nginx-light", "nginx, a proxy with TLS", _program("nginx")),
    Needed("caddy", "caddy", "Caddy, a proxy with TLS", _program("caddy")),
    Needed("pgbouncer", "pgbouncer", "PgBouncer, a pooler", _program("pgbouncer")),
    Needed("docker-compose", "docker-compose", "Docker Compose, which checks compose.yaml without an engine", _program("docker-compose")),
    Needed("fonts", "fonts-noto-core", "fonts for the names of all scripts", lambda: sys.platform != "linux" or FONTS.exists()),
    Needed(
        "cjk-fonts", "fonts-noto-cjk", "fonts for Chinese, Japanese and Korean names", lambda: sys.platform != "linux" or CJK_FONTS.exists()
    ),
)


def said_without() -> frozenset[str]:
    """The names that the variable holds."""
    return frozenset(filter(None, (name.strip() for name in os.environ.get(WITHOUT, "").split(","))))


def missing() -> list[Needed]:
    """What is not here, and not given up."""
    given_up = said_without()
    return [needed for needed in NEEDED if needed.name not in given_up and not needed.is_here()]


def provided(wanted: Iterable[Needed]) -> dict[str, str]:
    """Installs what this release has of it. The names of what is lacking all the same, with the reason. Ends the program where somebody has to install."""
    wanted = list(wanted)
    if not wanted:
        return {}
    apt = shutil.which("apt-get")
    if apt is None:
        sys.exit(_asked_for(wanted))
    is_root = os.geteuid() == 0
    if is_root:
        _run([apt, "update", "-q"])
    given_up = said_without()
    rather = {needed.rather for needed in (*NEEDED, *wanted) if needed.name not in given_up} - {""}
    offered = candidates({needed.package for needed in wanted} | rather)
    found = [needed for needed in wanted if not offered.isdisjoint((needed.package, needed.rather))]
    if found and not is_root:
        sys.exit(_asked_for(found))
    if found:
        packages = [needed.package for needed in found if needed.rather not in offered]
        packages += sorted(name for name in rather & offered if not shutil.which(name))
        print(f"installing {', '.join(packages)}", flush=True)
        _install(apt, packages)
    release = _release()
    lacking = {needed.name: f"{release} has no package {needed.package}" for needed in wanted if needed not in found}
    return lacking | {needed.name: f"the package {needed.package} of {release} is not enough" for needed in found if not needed.is_here()}


def candidates(packages: Collection[str]) -> set[str]:
    """Those of these packages that the release can install, by what apt-cache says of them."""
    said = subprocess.run(
        ["apt-cache", "policy", *sorted(packages)], env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False
    ).stdout
    return _candidates_of(said)


def _candidates_of(policy: str) -> set[str]:
    """A package stands at the beginning of a line, and what can be installed of it below; nothing at all stands there of one that is not known."""
    found, name = set(), ""
    for line in policy.splitlines():
        if line and not line[0].isspace():
            name = line.rstrip(":")
        elif line.strip().startswith("Candidate:") and "(none)" not in line:
            found.add(name)
    return found


def _asked_for(wanted: Iterable[Needed]) -> str:
    what = "; ".join(f"{needed.purpose} ({needed.package})" for needed in wanted)
    names, packages = ",".join(needed.name for needed in wanted), " ".join(needed.package for needed in wanted)
    return f"The tests need {what}. On Debian: sudo apt-get install {packages}. To go on without: {WITHOUT}={names} make test"


def _install(apt: str, packages: list[str]) -> None:
    # Debian's package would start a server of its own at once; the tests start theirs.
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        _run([apt, "install", "-qy", "--no-install-recommends", *packages])
    finally:
        if ours:
            policy.unlink()


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, check=True, stdout=subprocess.DEVNULL)
    except subprocess.CalledProcessError as error:
        sys.exit(f"`{' '.join(command)}` ended with {error.returncode}; what it said stands above.")


def _release() -> str:
    try:
        lines = Path("/etc/os-release").read_text("utf-8").splitlines()
    except OSError:
        return "this system"
    facts: Mapping[str, str] = dict(line.split("=", 1) for line in lines if "=" in line)
    return facts.get("PRETTY_NAME", "this system").strip('"')
