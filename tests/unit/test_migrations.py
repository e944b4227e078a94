"""Released migrations stay as they are (O18)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scripts import migrations


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose release 0.1.0 has two migrations."""
    folder = tmp_path / "src" / "heliograph" / "store" / "migrations"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    for name in ("0001_initial", "0002_more"):
        (folder / f"{name}.py").write_text(f"# {name}\n")
    (tmp_path / migrations.RELEASED.parent).mkdir()
    (tmp_path / migrations.RELEASED).write_text("{}")
    assert migrations.freeze("0.1.0", tmp_path) == ["store.0001_initial", "store.0002_more"]
    return tmp_path


def test_O18_each_released_migration_of_this_checkout_is_what_it_was() -> None:
    assert list(migrations.changed()) == []
    assert {"store.0001_initial", "store.0007_backups", "setup.0003_applied_file"} <= migrations.released()["0.1.0rc1"].keys()


def test_O18_a_released_migration_that_changes_is_named_with_its_release(checkout: Path) -> None:
    (checkout / "src/heliograph/store/migrations/0001_initial.py").write_text("# 0001_initial, with one more column\n")
    (sentence,) = migrations.changed(checkout)
    assert sentence.startswith(
        "The migration store.0001_initial was released with 0.1.0 and has changed: put it back, and write a new migration."
    )


def test_O18_a_released_migration_that_goes_is_named_with_its_release(checkout: Path) -> None:
    file = checkout / "src/heliograph/store/migrations/0002_more.py"
    file.rename(file.with_name("0002_others.py"))
    (sentence,) = migrations.changed(checkout)
    assert sentence.startswith("The migration store.0002_more was released with 0.1.0 and is missing: put it back.")


def test_O18_new_migrations_may_change_until_they_are_released(checkout: Path) -> None:
    file = checkout / "src/heliograph/store/migrations/0003_new.py"
    for text in ("# as it was first\n", "# as it is released\n"):
        file.write_text(text)
        assert list(migrations.changed(checkout)) == []
        assert migrations.unreleased(checkout) == ["store.0003_new"]
    assert migrations.freeze("0.2.0", checkout) == ["store.0003_new"]
    stored = json.loads((checkout / migrations.RELEASED).read_text())
    assert {release: list(names) for release, names in stored.items()} == {
        "0.1.0": ["store.0001_initial", "store.0002_more"],
        "0.2.0": ["store.0003_new"],
    }
    assert migrations.freeze("0.2.0", checkout) == []
