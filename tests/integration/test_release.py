"""What `make release` builds (O16): the same bytes from the same commit wherever it is built, and nothing from what is no release."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from scripts import release

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the last commit, whose files have other rights than those of the checkout."""
    folder = tmp_path_factory.mktemp("clones") / "clone"
    before = os.umask(0o077)
    try:
        subprocess.run(["git", "clone", "--quiet", str(release.ROOT), str(folder)], check=True)
    finally:
        os.umask(before)
    return folder


def _build(source: Path, into: Path, **environment: str) -> dict[str, bytes]:
    """The files that the command builds, by their names. They may be those of a commit that is no release."""
    command = [sys.executable, str(release.ROOT / "scripts" / "release.py"), "--rehearse", "--build-only", "--source", str(source)]
    done = subprocess.run([*command, "--into", str(into)], env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {file.name: file.read_bytes() for file in into.iterdir()}


def test_O16_two_builds_of_one_commit_are_equal_and_complete(clone: Path, tmp_path: Path) -> None:
    """Another folder, other rights of the files, another time zone and another language change no byte."""
    files = _build(release.ROOT, tmp_path / "here")
    again = _build(clone, tmp_path / "there" / "deeper", TZ="Asia/Tokyo", LANG="C", HELIOGRAPH_BASE_URL="https://other.example.org")
    assert [name for name in files.keys() | again.keys() if files.get(name) != again.get(name)] == []

    version = release.Source.read(release.ROOT).version
    stem = f"heliograph-{version}"
    wheel, sdist, sums = f"{stem}-py3-none-any.whl", f"{stem}.tar.gz", "SHA256SUMS"
    constraints, openapi, bill = f"{stem}-constraints.txt", f"{stem}-openapi.json", f"{stem}-sbom.cdx.json"
    assert files.keys() == {wheel, sdist, constraints, openapi, bill, sums}
    listed = dict(line.split("  ")[::-1] for line in files[sums].decode().splitlines())
    assert listed == {name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name != sums}

    assert json.loads(files[openapi])["info"]["version"]
    with zipfile.ZipFile(tmp_path / "here" / wheel) as archive:
        assert {"README.md", "de/README.md", "fr/README.md"} <= {
            name.removeprefix("heliograph/guide/pages/") for name in archive.namelist()
        }
        assert "heliograph/web/static/heliograph/fonts/inter.woff2" in archive.namelist()
    with tarfile.open(tmp_path / "here" / sdist) as archive:
        assert {f"{stem}/CHANGELOG.md", f"{stem}/docs/running/releases.md"} <= set(archive.getnames())

    pinned = dict(re.findall(r"^(\S+)==(\S+)", files[constraints].decode(), re.MULTILINE))
    locked = {package["name"]: package for package in tomllib.loads((clone / "uv.lock").read_text("utf-8"))["package"]}
    assert {"django", "psycopg", "pycurl"} <= pinned.keys()
    assert "pytest" not in pinned
    assert pinned == {name: locked[name]["version"] for name in pinned}

    document = json.loads(files[bill])
    assert document["metadata"]["component"]["version"] == version
    components = {component["name"]: component for component in document["components"]}
    assert components.keys() == pinned.keys() | {"fontpkg-inter"}
    for name, component in components.items():
        digests = {f"sha256:{each['content']}" for reference in component["externalReferences"] for each in reference["hashes"]}
        assert {file["hash"] for file in locked[name]["wheels"]} <= digests, name


def test_O16_what_no_commit_has_is_no_release(clone: Path) -> None:
    source = release.Source.read(clone)
    stray = clone / "src" / "heliograph" / "stray.py"
    stray.write_text("")
    with pytest.raises(release.Refused, match=r"stray\.py"):
        source.check()
    stray.unlink()


def test_O16_a_version_under_development_is_no_release(clone: Path) -> None:
    source = release.Source.read(clone)
    with pytest.raises(release.Refused, match="under development"):
        release.Source(clone, source.commit, source.time, "0.2.0.dev0").check()


def test_O16_a_version_is_released_once(clone: Path) -> None:
    source = release.Source.read(clone)
    releases = json.loads((release.ROOT / release.RELEASES).read_text("utf-8"))
    assert releases, "there is no release yet"
    for version in releases:
        with pytest.raises(release.Refused, match=f"{re.escape(version)} is already released|CHANGELOG"):
            release.Source(clone, source.commit, source.time, version).check()


@pytest.mark.parametrize(
    ("changelog", "reason"),
    [
        ("## 1.2.10 (2027-01-01)\n\n### What you must do\n\nNothing.\n", "no section '1.2.1'"),
        ("## 1.2.1 (2027-01-01)\n\nNew.\n\n## 1.2.0 (2026-12-01)\n\n### What you must do\n\nNothing.\n", "lacks '### What you must do'"),
    ],
)
def test_O16_a_version_that_the_changelog_does_not_explain_is_no_release(changelog: str, reason: str) -> None:
    with pytest.raises(release.Refused, match=re.escape(reason)):
        release.check_changelog(changelog, "1.2.1")
    release.check_changelog("## Unreleased\n\n## 1.2.1 (2027-01-01)\n\n### What you must do\n\nNothing.\n", "1.2.1")


def test_O16_the_bill_of_the_image_has_debians_installed_packages() -> None:
    status = (
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.41-12\nDescription: GNU C Library\n of shared libraries\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n"
        "Package: passwd\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:4.17.4-2+b1\n\n"
    )
    assert [component["purl"] for component in release.debian_packages(status)] == [
        "pkg:deb/debian/libc6@2.41-12?arch=amd64",
        "pkg:deb/debian/passwd@1%3A4.17.4-2%2Bb1?arch=amd64",
    ]


def test_O16_the_digests_cover_each_file(tmp_path: Path) -> None:
    file = tmp_path / "heliograph-1-image-sbom.cdx.json"
    file.write_text("{}\n")
    release.write_sums(tmp_path, [file])
    subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True)
