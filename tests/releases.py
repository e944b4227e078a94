"""Other releases than the checkout, for the trial of an upgrade (O3): the previous one, built from its commit, and a newer one.

requirements/releases.json names the commit that each release was made of: a clone may lack tags, never history. `make test` builds the previous
release before it leaves the network; a plain pytest builds it when it is first asked for.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.version import Version

import heliograph

ROOT: Final = Path(__file__).parent.parent
COMMITS: Final = ROOT / "requirements" / "releases.json"
TOOLS: Final = ROOT / ".tools"
UV: Final = str(TOOLS / "bin" / "uv")

EXPANSION: Final = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("store", "{leaf}")]
    operations = [
        migrations.RunSQL("ALTER TABLE action ADD COLUMN of_the_next_release integer"),
        migrations.RunSQL("ALTER TABLE registration ADD COLUMN of_the_next_release varchar(20) NOT NULL DEFAULT 'new'"),
        migrations.RunSQL("CREATE TABLE of_the_next_release (id integer PRIMARY KEY, name varchar(20) NOT NULL)"),
    ]
"""
"""A migration as a release after this one may have: it only adds, so the release before it goes on. Both columns are of tables into which recording and
deliveries write all the time."""


@dataclass(frozen=True, slots=True)
class Release:
    """A release that can be started."""

    version: str
    program: tuple[str, ...]
    """Its command line, before the arguments."""


def previous_release() -> Release:
    """The newest release before the checkout's version, in an environment of its own with what its own uv.lock says. Builds its wheel if that is not done
    yet. Safe to call from several processes at once."""
    commits: dict[str, str] = json.loads(COMMITS.read_text("utf-8"))
    version = max((each for each in commits if Version(each) < Version(heliograph.__version__)), key=Version)
    place = TOOLS / "previous-release"
    mark = place / "commit"
    wanted = f"{commits[version]} {sys.version}"
    with (TOOLS / "previous-release.turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not mark.is_file() or mark.read_text("utf-8") != wanted:
            _install(commits[version], version, place)
            mark.write_text(wanted, "utf-8")
    return Release(version, (str(place / "bin" / "heliograph"),))


def _install(commit: str, version: str, place: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="hg-release-") as made:
        source = Path(made) / "source"
        archive = Path(made) / "source.tar"
        # A checkout of another user, as in a container: git wants to be told that it may read it.
        git = subprocess.run(["git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "archive", "-o", str(archive), commit], check=False)
        assert git.returncode == 0, f"The history lacks {commit}, of which {version} was made: git fetch --unshallow brings it."
        with tarfile.open(archive) as packed:
            packed.extractall(source, filter="data")
        wheels, lock = Path(made) / "wheels", Path(made) / "requirements.txt"
        build = ("--build-constraints", "requirements/build.txt", "--require-hashes", "--wheel", "--out-dir", str(wheels))
        _uv(source, "build", "--python", sys.executable, *build)
        _uv(source, "export", "--locked", "--no-dev", "--no-emit-project", "--format", "requirements-txt", "-o", str(lock))
        _uv(source, "venv", "--clear", "--no-project", "--python", sys.executable, str(place))
        python = ("--python", str(place / "bin" / "python"))
        _uv(source, "pip sync", "--require-hashes", *python, str(lock))
        (wheel,) = wheels.glob(f"heliograph-{version}-*.whl")
        _uv(source, "pip install", "--no-deps", *python, str(wheel))


def _uv(folder: Path, command: str, *arguments: str) -> None:
    environment = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    subprocess.run([UV, *command.split(), "--quiet", *arguments], cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=True)


def next_release(folder: Path) -> Release:
    """The checkout's code with one migration more, as a copy in this folder: the release that is upgraded to has a newer schema, whatever the checkout has
    changed since the previous one."""
    package = folder / "heliograph"
    shutil.copytree(Path(heliograph.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "docs" / "guide", package / "guide" / "pages")
    migrations = package / "store" / "migrations"
    leaf = max(file.stem for file in migrations.glob("0*.py"))
    (migrations / f"{int(leaf[:4]) + 1:04}_of_the_next_release.py").write_text(EXPANSION.format(leaf=leaf), "utf-8")
    return Release(heliograph.__version__, ("env", f"PYTHONPATH={folder}", sys.executable, "-m", "heliograph"))
