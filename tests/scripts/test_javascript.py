"""The JavaScript tools: locked, from any registry, and one sentence for a failed installation."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from .. import javascript_tools


@pytest.fixture
def packages() -> dict[str, dict[str, Any]]:
    lock = json.loads((javascript_tools.FOLDER / "package-lock.json").read_text("utf-8"))
    return {name: package for name, package in lock["packages"].items() if name}


def test_every_package_is_locked_by_its_hash(packages: dict[str, dict[str, Any]]):
    assert len(packages) > 3
    for name, package in packages.items():
        assert re.fullmatch(r"sha512-[\w+/]+=*", package["integrity"]), name


def test_no_package_names_a_registry(packages: dict[str, dict[str, Any]]):
    assert not [name for name, package in packages.items() if "resolved" in package]


def test_the_versions_that_are_asked_for_are_exact():
    asked = json.loads((javascript_tools.FOLDER / "package.json").read_text("utf-8"))[
        "devDependencies"
    ]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in asked.values())


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (
            "npm error code ENOTFOUND\nnpm error network request failed",
            "registry cannot be reached",
        ),
        ("npm error code EINTEGRITY\nnpm error sha512-a but got sha512-b", "EINTEGRITY sha512-a"),
        ("", "npm gave no reason"),
    ],
)
def test_a_failed_installation_is_explained_in_one_line(output: str, sentence: str):
    said = javascript_tools.explain(output)
    assert sentence in said
    assert said.endswith("then run this command again.")
    assert "\n" not in said
