"""Compares every pinned package with a stored list of known vulnerabilities, without the network (docs/adr/0025-a-stored-list-of-advisories.md).

    .venv/bin/python scripts/advisories.py                  # the check, part of `make check`
    .venv/bin/python scripts/advisories.py refresh FOLDER   # `make advisories FROM=FOLDER`: writes the list anew

The list is an extract of the Python Packaging Advisory Database (CC-BY 4.0), of which FOLDER holds a clone. Exit status: 0, every pinned version is
covered and none is vulnerable; 1, one is vulnerable; NOT_COVERED (3), none is vulnerable as far as the list reaches, but it is out of date or does not
cover every version. `make check` shows the last as OUT OF DATE, never as ok.
"""

from __future__ import annotations

import datetime
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ROOT: Final = Path(__file__).parents[1]
LIST: Final = ROOT / "requirements" / "advisories.json"
PINNED: Final = (
    "requirements/uv.txt",
    "requirements/build.txt",
    "tests/canaille/requirements.txt",
    "tests/taps/tap-jsonl.txt",
    "tests/taps/tap-rest-api.txt",
)
STALE: Final = 90
"""Days after which the list is out of date: then it covers only versions that were published before it was made."""
NOT_COVERED: Final = 3
"""The exit status if the list does not cover every pinned version."""
_PIN: Final = re.compile(r"(?m)^([A-Za-z0-9._-]+)==([^\s;\\]+)")


def pinned_packages(root: Path = ROOT) -> dict[str, set[str]]:
    """The versions of every package that uv.lock or a file of requirements pins, by its canonical name."""
    packages: dict[str, set[str]] = {}
    for package in tomllib.loads((root / "uv.lock").read_text("utf-8"))["package"]:
        if "registry" in package["source"]:
            packages.setdefault(canonicalize_name(package["name"]), set()).add(package["version"])
    for file in PINNED:
        for name, version in _PIN.findall((root / file).read_text("utf-8")):
            packages.setdefault(canonicalize_name(name), set()).add(version)
    return packages


def publication_dates(root: Path = ROOT) -> dict[tuple[str, str], str]:
    """The day (ISO 8601) on which each version of uv.lock was published. Files of requirements do not say it."""
    dates = {}
    for package in tomllib.loads((root / "uv.lock").read_text("utf-8"))["package"]:
        days = [file["upload-time"][:10] for file in (*package.get("wheels", ()), package.get("sdist", {})) if "upload-time" in file]
        if days:
            dates[canonicalize_name(package["name"]), package["version"]] = min(days)
    return dates


def is_affected(version: str, advisory: Mapping[str, Any]) -> bool:
    """True if an advisory of the list names this version, or a range that holds it. A version that cannot be compared counts as affected."""
    if version in advisory["versions"]:
        return True
    try:
        pinned = Version(version)
        return any(
            (first == "0" or pinned >= Version(first)) and (fixed is None or pinned < Version(fixed)) for first, fixed in advisory["ranges"]
        )
    except InvalidVersion:
        return bool(advisory["ranges"])


def vulnerable_versions(packages: Mapping[str, Iterable[str]], stored: Mapping[str, Any]) -> list[str]:
    """A line for each pinned version that an advisory of the list names."""
    return [
        f"{name} {version}: {advisory['id']}{_other_names(advisory)}, fixed in {_fixed(advisory)}"
        for advisory in stored["advisories"]
        for name in (advisory["package"],)
        for version in sorted(packages.get(name, ()))
        if is_affected(version, advisory)
    ]


def uncovered_versions(
    packages: Mapping[str, Iterable[str]], stored: Mapping[str, Any], dates: Mapping[tuple[str, str], str], *, is_stale: bool
) -> list[str]:
    """The pinned versions that the list cannot speak for: of packages that it was not made for, and, once it is out of date, what was published after
    it or on an unknown day.

    dates: of publication, by name and version
    """
    return [
        f"{name} {version}"
        for name, versions in sorted(packages.items())
        for version in sorted(versions)
        if name not in stored["packages"] or (is_stale and dates.get((name, version), "9999") > stored["date"])
    ]


def coverage(
    packages: Mapping[str, Iterable[str]], stored: Mapping[str, Any], dates: Mapping[tuple[str, str], str], today: datetime.date
) -> tuple[bool, list[str]]:
    """Whether the list is up to date and covers every pinned version, and the lines that say so."""
    age = (today - datetime.date.fromisoformat(stored["date"])).days
    is_stale = age > STALE
    lines = [f"The list of advisories is of {stored['date']}, {age} days old."]
    if is_stale:
        lines[0] += " It is out of date: nothing that was published since is in it. Refresh it: make advisories FROM=FOLDER"
    uncovered = uncovered_versions(packages, stored, dates, is_stale=is_stale)
    if uncovered:
        total = sum(len(set(versions)) for versions in packages.values())
        lines += [f"Not covered are {len(uncovered)} of {total} pinned versions:", f"  {', '.join(uncovered)}"]
    return not is_stale and not uncovered, lines


def refreshed(folder: Path, packages: Iterable[str], date: str) -> dict[str, Any]:
    """The list for these packages, from a clone of the database. date: of its last change."""
    import yaml  # noqa: PLC0415 -- only a refresh reads it

    names = sorted(packages)
    advisories = []
    for name in names:
        for file in sorted((folder / "vulns" / name).glob("*.yaml")):
            entry = yaml.safe_load(file.read_text("utf-8"))
            if not entry.get("withdrawn"):
                advisories += list(_of_entry(entry, name))
    return {"source": "Python Packaging Advisory Database, CC-BY 4.0", "date": date, "packages": names, "advisories": advisories}


def _of_entry(entry: Mapping[str, Any], name: str) -> Iterator[dict[str, Any]]:
    for affected in entry["affected"]:
        ranges = []
        for each in affected.get("ranges", ()):
            first = None
            for event in each["events"] if each["type"] == "ECOSYSTEM" else ():
                if "introduced" in event:
                    first = str(event["introduced"])
                elif "fixed" in event and first is not None:
                    ranges.append([first, str(event["fixed"])])
                    first = None
            if first is not None:
                ranges.append([first, None])
        # Where there are ranges, the versions only repeat them.
        versions = [] if ranges else [str(version) for version in affected.get("versions", ())]
        yield {"id": entry["id"], "aliases": entry.get("aliases", []), "package": name, "ranges": ranges, "versions": versions}


def _other_names(advisory: Mapping[str, Any]) -> str:
    return f" ({', '.join(advisory['aliases'])})" if advisory["aliases"] else ""


def _fixed(advisory: Mapping[str, Any]) -> str:
    return ", ".join(fixed for _first, fixed in advisory["ranges"] if fixed) or "no version yet"


def main(arguments: list[str]) -> int:
    """The exit status."""
    packages = pinned_packages()
    if arguments[:1] == ["refresh"] and len(arguments) == 2:
        folder = Path(arguments[1])
        if not (folder / "vulns").is_dir():
            print(f"{folder} is no clone of the Python Packaging Advisory Database: it has no folder vulns.", file=sys.stderr)
            return 2
        date = subprocess.run(
            ["git", "-C", str(folder), "log", "-1", "--format=%cs"], capture_output=True, text=True, check=True
        ).stdout.strip()
        text = json.dumps(refreshed(folder, packages, date), indent=1, ensure_ascii=False)
        LIST.write_text(f"{text}\n", "utf-8")
    elif arguments:
        print(__doc__, file=sys.stderr)
        return 2
    stored = json.loads(LIST.read_text("utf-8"))
    vulnerable = vulnerable_versions(packages, stored)
    is_covered, lines = coverage(packages, stored, publication_dates(), datetime.datetime.now(datetime.UTC).date())
    print(*vulnerable, *lines, sep="\n")
    return 1 if vulnerable else 0 if is_covered else NOT_COVERED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
