"""GitHub's workflows: each action is one commit, no job keeps a token, and commands exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ...scripts.lib import pack

GITHUB = pack.ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
PUBLISHER = "comfy-registry"


def jobs(workflow: Path) -> dict[str, dict[str, Any]]:
    return yaml.safe_load(workflow.read_text("utf-8"))["jobs"]


def steps(workflow: Path) -> list[dict[str, Any]]:
    return [step for job in jobs(workflow).values() for step in job.get("steps", [])]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_each_action_is_a_commit_and_its_version_stands_beside(workflow: Path):
    used = re.findall(r"uses: (?!\./)(.+)", workflow.read_text("utf-8"))
    assert used
    for action in used:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


def test_one_action_has_one_version_everywhere():
    used = {
        action
        for workflow in WORKFLOWS
        for action in re.findall(r"uses: (?!\./)(.+)", workflow.read_text("utf-8"))
    }
    assert len({action.split("@")[0] for action in used}) == len(used)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_no_job_may_write_or_keeps_the_token(workflow: Path):
    content = yaml.safe_load(workflow.read_text("utf-8"))
    assert content["permissions"] == {"contents": "read"}
    for name, job in content["jobs"].items():
        assert "permissions" not in job, name
        has_secret = "secrets." in yaml.safe_dump(job)
        assert not has_secret or job["environment"] == PUBLISHER, name
    checkouts = [step for step in steps(workflow) if "actions/checkout@" in step.get("uses", "")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_the_commands_of_a_workflow_exist(workflow: Path):
    commands = "\n".join(step.get("run", "") for step in steps(workflow))
    named = re.findall(r"(?:scripts|tests)/[\w./-]+", commands)
    assert not [name for name in named if not (pack.ROOT / name).exists()]
    for option in re.findall(r"scripts/test\.py (--\w+)", commands):
        assert option in (pack.ROOT / "scripts" / "test.py").read_text("utf-8")


def test_every_python_that_the_pack_supports_is_tested_on_every_system():
    matrix = jobs(GITHUB / "workflows" / "test.yml")["fast"]["strategy"]["matrix"]
    (oldest,) = re.findall(
        r'requires-python = ">=(.+)"', (pack.ROOT / "pyproject.toml").read_text()
    )
    assert matrix["python"][0] == oldest
    assert {name.split("-")[0] for name in matrix["os"]} == {"ubuntu", "windows", "macos"}


def test_a_tag_is_published_after_the_tests_alone():
    publish = jobs(GITHUB / "workflows" / "publish.yml")
    assert publish["publish"]["needs"] == "test"
    assert publish["test"]["uses"] == "./.github/workflows/test.yml"


@pytest.mark.parametrize("form", ["fault.yml", "wish.yml"])
def test_a_form_of_an_issue_has_fields_with_names(form: str):
    body = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE" / form).read_text("utf-8"))["body"]
    fields = [field for field in body if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields) > 1
    assert all(field["attributes"]["label"] for field in fields)


def test_pre_commit_has_the_ruff_of_the_lock_file():
    hooks = yaml.safe_load((pack.ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    (revision,) = [repo["rev"] for repo in hooks if repo["repo"].endswith("/ruff-pre-commit")]
    locked = (pack.ROOT / "requirements" / "dev.txt").read_text("utf-8")
    assert f"\nruff=={revision.removeprefix('v')} " in locked
