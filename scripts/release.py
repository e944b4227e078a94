"""Builds a release into the folder dist: `make release` (docs/running/releases.md).

    heliograph-VERSION-py3-none-any.whl   what is installed
    heliograph-VERSION.tar.gz             the source that the wheel is built from
    heliograph-VERSION-constraints.txt    the versions of all dependencies that this release was tested with
    heliograph-VERSION-openapi.json       what `/api/v1/openapi.json` serves
    heliograph-VERSION-sbom.cdx.json      every dependency with its digests (CycloneDX 1.5)
    SHA256SUMS                            the digests of these files

and, if podman or docker is here, the container image heliograph:VERSION with its own bill of materials, which names the image by its id:

    heliograph-VERSION-image-sbom.cdx.json    Debian's and Python's packages in the image

The files depend on the commit alone: it is exported into an empty folder,
all times are the commit's, and what builds them is pinned by uv.lock. After the build the digests are verified, the wheel is installed into an
empty environment, and a page and the OpenAPI file of its server are compared with what is expected.
"""

from __future__ import annotations

import argparse
import email.parser
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from scripts import migrations  # found by the line above: a script has no package of its own

ROOT: Final = Path(__file__).resolve().parent.parent
UV: Final = ROOT / ".tools" / "bin" / "uv"
RELEASES: Final = "requirements/releases.json"
"""The commit of each release. Tags say the same, but a clone may lack them."""
OBLIGATIONS: Final = "### What you must do"
"""The section that each version of the changelog begins with."""
BUNDLED: Final = ("fontpkg-inter",)
"""Packages that are no dependencies, but of which the wheel contains a part (hatch_build.py)."""


class Refused(Exception):
    """A release cannot be built of this. The text says why, and what to do."""


@dataclass(frozen=True)
class Source:
    """The commit that is released."""

    repository: Path
    commit: str
    time: int
    """Of the commit, in seconds since 1970: SOURCE_DATE_EPOCH."""
    version: str

    @classmethod
    def read(cls, repository: Path) -> Source:
        code = git(repository, "show", "HEAD:src/heliograph/__init__.py")
        version = re.search(r'^__version__ = "([^"]+)"', code, re.MULTILINE)
        assert version, "src/heliograph/__init__.py has no __version__"
        return cls(repository, git(repository, "rev-parse", "HEAD"), int(git(repository, "log", "-1", "--format=%ct")), version[1])

    def check(self) -> None:
        """Raises Refused for files that no commit has, a version that the changelog lacks, and one that another commit was released as."""

        if changed := git(self.repository, "status", "--porcelain"):
            raise Refused(f"These files differ from the last commit:\n{changed}\nCommit them, or put them back.")
        if ".dev" in self.version:
            raise Refused(
                f"Version {self.version} is under development. Set the version of the release in src/heliograph/__init__.py first."
            )
        check_changelog(git(self.repository, "show", "HEAD:CHANGELOG.md"), self.version)
        released = json.loads(git(self.repository, "show", f"HEAD:{RELEASES}")).get(self.version, self.commit)
        if released != self.commit:
            raise Refused(f"Version {self.version} is already released, from commit {released[:12]} ({RELEASES}). Raise the version first.")
        if new := migrations.unreleased(self.repository):
            raise Refused(
                f"These migrations are not frozen: {', '.join(new)}. Run scripts/migrations.py freeze, and commit what it has written."
            )

    def export(self, folder: Path) -> None:
        """Writes the files of the commit, and nothing that lies beside them."""
        archive = subprocess.run(["git", "-C", self.repository, "archive", self.commit], capture_output=True, check=True).stdout
        folder.mkdir()
        subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)


def check_changelog(changelog: str, version: str) -> None:
    """Raises Refused unless the changelog has this version, and says what whoever upgrades to it must do."""
    section = re.search(rf"^## {re.escape(version)} .*?(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not section:
        raise Refused(f"CHANGELOG.md has no section {version!r}: a heading '## {version} (YYYY-MM-DD)' is needed.")
    if OBLIGATIONS not in section[0]:
        raise Refused(f"CHANGELOG.md, version {version}, lacks '{OBLIGATIONS}': what must be done to upgrade, or that there is nothing.")


def build(source: Source, into: Path) -> list[Path]:
    """Builds the files of the release and gives their paths, with SHA256SUMS as the last. Needs no network."""
    into.mkdir(parents=True, exist_ok=True)
    stem = f"heliograph-{source.version}"
    with tempfile.TemporaryDirectory(prefix="heliograph-release-") as scratch:
        tree = Path(scratch) / "tree"
        source.export(tree)
        environment = environment_for(source)
        # Without isolation: what uv.lock has pinned for the group `build` is installed here (scripts/setup).
        run(
            UV,
            "build",
            "--quiet",
            "--offline",
            "--no-build-isolation",
            "--python",
            sys.executable,
            "--out-dir",
            into,
            tree,
            env=environment,
        )
        files = [into / f"{stem}-py3-none-any.whl", into / f"{stem}.tar.gz"]
        files.append(write_constraints(tree, into / f"{stem}-constraints.txt"))
        files.append(into / f"{stem}-openapi.json")
        run(sys.executable, "-m", "heliograph", "openapi", "--output", files[-1], env={**environment, "PYTHONPATH": str(tree / "src")})
        files.append(into / f"{stem}-sbom.cdx.json")
        files[-1].write_text(json.dumps(bill_of_materials(source, tree), indent=2) + "\n", "utf-8")
    (into / ".gitignore").unlink(missing_ok=True)  # uv's
    for file in files:
        file.chmod(0o644)
    return [*files, write_sums(into, files)]


def environment_for(source: Source) -> dict[str, str]:
    """Nothing of whoever builds it is in the result: neither settings of Heliograph nor time zone, language or time."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("HELIOGRAPH_", "LC_", "PYTHON"))}
    return {**own, "SOURCE_DATE_EPOCH": str(source.time), "TZ": "UTC", "LANG": "C.UTF-8", "UV_PYTHON_DOWNLOADS": "never"}


def write_constraints(tree: Path, file: Path) -> Path:
    """The versions of uv.lock for `pip install -c`."""
    exported = run(UV, *export_command(tree), "--no-dev", "--no-hashes", "--no-annotate", "--no-header", "--format", "requirements.txt")
    file.write_text(exported, "utf-8")
    return file


def bill_of_materials(source: Source, tree: Path) -> dict[str, Any]:
    """uv's CycloneDX document, with the version that uv does not know, what the wheel contains of other packages, and the commit's time."""
    document: dict[str, Any] = json.loads(run(UV, *export_command(tree), "--no-dev", "--format", "cyclonedx1.5"))
    builders = json.loads(run(UV, *export_command(tree), "--only-group", "build", "--format", "cyclonedx1.5"))
    document["components"] += [
        # Another bill has counted the references of its components: a name is unique in both.
        {**component, "bom-ref": f"{component['name']}@{component['version']}"}
        for component in builders["components"]
        if component["name"] in BUNDLED
    ]
    metadata = document["metadata"]
    metadata["timestamp"] = datetime.fromtimestamp(source.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata["component"] |= {"type": "application", "version": source.version, "purl": f"pkg:generic/heliograph@{source.version}"}
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'heliograph/{source.version}/{source.commit}')}"
    return document


def export_command(tree: Path) -> Sequence[str]:
    return ("export", "--quiet", "--offline", "--locked", "--no-emit-project", "--project", str(tree), "--python", sys.executable)


def check_files(files: Sequence[Path]) -> None:
    """Verifies the digests, installs the wheel with its constraints, and opens its pages. Takes packages from the registry."""
    wheel, _source, constraints, openapi, _bill, sums = files
    for line in sums.read_text("utf-8").splitlines():
        digest, name = line.split("  ")
        assert sha256(sums.parent / name) == digest, f"{name} is not what {sums.name} says"
    with tempfile.TemporaryDirectory(prefix="heliograph-release-") as scratch:
        folder = Path(scratch)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("HELIOGRAPH_")}
        environment["UV_PYTHON_DOWNLOADS"] = "never"
        base = getattr(sys, "_base_executable", sys.executable)
        run(UV, "venv", "--quiet", "--no-project", "--python", base, folder / "venv", env=environment)
        python = folder / "venv" / "bin" / "python"
        run(UV, "pip", "install", "--quiet", "--python", python, "--constraints", constraints, wheel, env=environment)
        command = folder / "venv" / "bin" / "heliograph"
        opened = run(python, "-I", ROOT / "scripts" / "open_a_page.py", command, folder / "data", openapi, env=environment, cwd=folder)
        print(f"The installed wheel works: {opened.strip()}.")


def build_image(source: Source, into: Path) -> Path | None:
    """Builds the image heliograph:VERSION of the commit and writes its bill of materials. None if there is nothing to build it with."""
    engine = next((path for name in ("podman", "docker") if (path := shutil.which(name))), None)
    if engine is None:
        print("No container image was built: neither podman nor docker is installed here.")
        return None
    tag = f"heliograph:{source.version}"
    labels = {"version": source.version, "revision": source.commit}
    options = [f"--label=org.opencontainers.image.{name}={value}" for name, value in labels.items()]
    options.append(f"--build-arg=SOURCE_DATE_EPOCH={source.time}")
    if Path(engine).name == "podman":
        # All files have the commit's time. Docker's format would name the machine that built it, so each build would have another id.
        options += [f"--timestamp={source.time}", "--format=oci"]
    with tempfile.TemporaryDirectory(prefix="heliograph-release-") as scratch:
        tree = Path(scratch) / "tree"
        source.export(tree)
        containerfile = tree / "Containerfile"
        run(engine, "build", "--quiet", "--no-cache", "--tag", tag, "--file", containerfile, *options, tree, env=environment_for(source))
        bill = bill_of_materials(source, tree)
    image = json.loads(run(engine, "image", "inspect", tag))[0]
    identifier = "sha256:" + image["Id"].removeprefix("sha256:")
    bill["metadata"]["component"] |= {
        "type": "container",
        "properties": [{"name": "oci:image:id", "value": identifier}]
        + [{"name": "oci:image:layer", "value": layer} for layer in image["RootFS"]["Layers"]],
    }
    bill["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'heliograph/{source.version}/{identifier}')}"
    bill["components"] += debian_packages(file_of_image(engine, tag, "/var/lib/dpkg/status").decode())
    for entry in image["Config"]["Env"]:
        # Of the base image, whose Python is no package of Debian's
        if entry.startswith("PYTHON_VERSION="):
            version = entry.partition("=")[2]
            bill["components"].append(
                {"type": "application", "name": "python", "version": version, "purl": f"pkg:generic/python@{version}"}
            )
    file = into / f"heliograph-{source.version}-image-sbom.cdx.json"
    file.write_text(json.dumps(bill, indent=2) + "\n", "utf-8")
    print(f"Built the container image {tag}, {identifier}.")
    return file


def file_of_image(engine: str, tag: str, path: str) -> bytes:
    """What a file of the image contains. Starts nothing."""
    container = run(engine, "create", tag).strip()
    try:
        copied = subprocess.run([engine, "cp", f"{container}:{path}", "-"], stdout=subprocess.PIPE, check=True).stdout
    finally:
        run(engine, "rm", container)
    with tarfile.open(fileobj=io.BytesIO(copied)) as archive:
        content = archive.extractfile(archive.next() or "")
        assert content, f"{path} of the image is no file"
        return content.read()


def debian_packages(status: str) -> list[dict[str, str]]:
    """Components of a CycloneDX document for the installed packages that /var/lib/dpkg/status names (dpkg-query(1), deb822(5))."""
    packages = [email.parser.Parser().parsestr(paragraph, headersonly=True) for paragraph in status.strip().split("\n\n")]
    return [
        {
            "type": "library",
            "bom-ref": f"deb:{package['Package']}:{package['Architecture']}@{package['Version']}",
            "name": package["Package"],
            "version": package["Version"],
            "purl": f"pkg:deb/debian/{package['Package']}@{quote(package['Version'], safe='')}?arch={package['Architecture']}",
        }
        for package in packages
        if package["Status"] == "install ok installed"
    ]


def write_sums(into: Path, files: Sequence[Path]) -> Path:
    sums = into / "SHA256SUMS"
    sums.write_text("".join(f"{sha256(file)}  {file.name}\n" for file in sorted(files)), "utf-8")
    return sums


def run(*command: str | Path, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    """The standard output of a program, whose errors go to the terminal. Raises Refused if it fails."""
    done = subprocess.run(command, env=env, cwd=cwd, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Refused(f"{Path(command[0]).name} {command[1]} ended with exit code {done.returncode}.\n{done.stdout}")
    return done.stdout


def git(repository: Path, *command: str) -> str:
    return subprocess.run(["git", "-C", repository, *command], stdout=subprocess.PIPE, text=True, check=True).stdout.strip("\n")


def sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make release", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, default=ROOT / "dist", help="the folder for the files; those of an earlier build go")
    parser.add_argument("--source", type=Path, default=ROOT, help="the clone whose last commit is released")
    parser.add_argument("--rehearse", action="store_true", help="build also what is no release, and say why it is none")
    parser.add_argument("--build-only", action="store_true", help="neither install the wheel nor build the container image")
    parser.add_argument("--no-image", action="store_true", help="build no container image, which takes its base image from a registry")
    options = parser.parse_args(arguments)
    try:
        source = Source.read(options.source)
        try:
            source.check()
        except Refused as reason:
            if not options.rehearse:
                raise
            print(f"This is no release. {reason}")
        for earlier in [*options.into.glob("heliograph-*"), *options.into.glob("SHA256SUMS")]:
            earlier.unlink()
        files = build(source, options.into)
        if not options.build_only:
            check_files(files)
            if not options.no_image and (image := build_image(source, options.into)):
                files.insert(-1, image)
                write_sums(options.into, files[:-1])
    except Refused as reason:
        print(f"release: {reason}", file=sys.stderr)
        return 1
    for file in files:
        print(f"{file.stat().st_size:>12,}  {file.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
