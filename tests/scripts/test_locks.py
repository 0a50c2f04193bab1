"""The lock files are complete, of now, and name no place to download from."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from ...scripts.lib import locks


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root whose sources can be changed, with the lock files of the real one."""
    for name in ("pyproject.toml", *locks.FILES):
        shutil.copy(locks.ROOT / name, tmp_path / name)
    shutil.copytree(locks.FOLDER, tmp_path / "requirements")
    monkeypatch.setattr(locks, "ROOT", tmp_path)
    monkeypatch.setattr(locks, "FOLDER", tmp_path / "requirements")
    return tmp_path


def packages(name: str) -> dict[str, str]:
    """The text of each package in a lock file, by the line that names it."""
    text = locks.path_of(name).read_text("utf-8")
    found = re.finditer(r"^(\w.*?)(?: \\)?\n(?: .*\n)*", text, re.M)
    return {package[1]: package[0] for package in found}


def versions(name: str) -> dict[str, set[str]]:
    """The versions by package; which one is installed depends on the platform and the Python."""
    found: dict[str, set[str]] = {}
    for line in packages(name):
        package, version = line.partition(" ; ")[0].split("==")
        found.setdefault(package, set()).add(version)
    return found


def test_no_requirement_changed_since_the_files_were_locked():
    assert locks.outdated() == [], "run `python3 scripts/lock.py`"


@pytest.mark.parametrize("name", locks.SOURCES)
def test_every_package_has_one_version_and_a_hash(name: str):
    found = packages(name)
    assert found
    for line, text in found.items():
        assert re.match(r"[\w.-]+==[\w.+!]+( ; .*)?$", line)
        assert re.search(r"--hash=sha256:[0-9a-f]{64}\b", text)


@pytest.mark.parametrize("name", locks.SOURCES)
def test_no_address_stands_in_a_lock_file(name: str):
    text = locks.path_of(name).read_text("utf-8")
    assert not re.search(r"://|index-url|find-links| @ ", text)


def test_a_package_of_both_layers_has_the_same_versions_in_both():
    run, dev = versions("run"), versions("dev")
    both = run.keys() & dev.keys()
    assert "numpy" in both
    for package in both:
        assert dev[package] <= run[package]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("requirements.txt", "httpx>=0.27", "httpx>=0.28"),
        ("requirements-farm.txt", "obstore>=0.12", "obstore>=0.13"),
        ("pyproject.toml", '"ruff>=0.9"', '"ruff>=0.10"'),
    ],
)
def test_a_changed_requirement_is_noticed(copy: Path, file: str, old: str, new: str):
    assert locks.outdated() == []
    text = (copy / file).read_text("utf-8")
    (copy / file).write_text(text.replace(old, new), "utf-8")
    assert locks.outdated() == list(locks.SOURCES)
    locks.sign("run")
    assert "run" not in locks.outdated()


def test_a_comment_is_no_change(copy: Path):
    text = (copy / "requirements.txt").read_text("utf-8")
    (copy / "requirements.txt").write_text(f"# A comment.\n\n{text}", "utf-8")
    assert locks.outdated() == []
