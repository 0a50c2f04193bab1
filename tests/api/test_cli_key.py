"""The key that AIgateway's own CLI has stored: used where no other is, and for nobody else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ...api.settings import FILE_NAME, Settings, load

KEY = "sk-aig-of-the-command-line"


def stored(home: Path, content: object) -> dict[str, str]:
    """The environment of a user whose CLI has stored `content`."""
    folder = home / ".config" / "aigateway"
    folder.mkdir(parents=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "config.json").write_text(text, encoding="utf-8")
    return {"HOME": str(home)}


@pytest.mark.parametrize(
    "base_url", [None, "", "https://api.aigateway.sh", "https://api.aigateway.sh/v1/"]
)
def test_it_is_used_where_no_other_is_set_and_names_its_source(
    tmp_path: Path, base_url: str | None
) -> None:
    settings = load(tmp_path, stored(tmp_path, {"apiKey": KEY, "baseUrl": base_url}))
    assert settings.api_key is not None
    assert settings.api_key.reveal() == KEY
    assert settings.api_key.source == "AIgateway's CLI"
    assert not settings.is_sandbox


def test_it_is_found_in_the_home_of_windows(tmp_path: Path) -> None:
    stored(tmp_path, {"apiKey": KEY})
    assert load(tmp_path, {"USERPROFILE": str(tmp_path)}).api_key is not None


def test_a_key_of_the_file_or_the_environment_comes_first(tmp_path: Path) -> None:
    environ = stored(tmp_path, {"apiKey": KEY})
    by_variable = load(tmp_path, {**environ, "AIGATEWAY_API_KEY": "sk-aig-other"})
    (tmp_path / FILE_NAME).write_text('api_key = "sk-aig-other"', encoding="utf-8")
    for settings in (by_variable, load(tmp_path, environ)):
        assert settings.api_key is not None
        assert settings.api_key.reveal() == "sk-aig-other"


@pytest.mark.parametrize(
    "given",
    [
        {"AIGATEWAY_MODE": "sandbox"},
        {"AIGATEWAY_BASE_URL": "https://gateway.example"},
        {"AIGATEWAY_USE_CLI_KEY": "false"},
    ],
)
def test_the_sandbox_another_gateway_and_the_switch_leave_it_alone(
    tmp_path: Path, given: dict[str, str]
) -> None:
    environ = stored(tmp_path, {"apiKey": KEY})
    assert load(tmp_path, {**environ, **given}).api_key is None


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[" * 50_000,
        [],
        {},
        {"apiKey": None},
        {"apiKey": 7},
        {"apiKey": "  "},
        {"apiKey": "sk-aig-two\nlines"},
        {"apiKey": KEY, "baseUrl": "https://elsewhere.example"},
        {"apiKey": KEY, "baseUrl": "https://api.aigateway.sh.evil.example"},
        {"apiKey": KEY, "baseUrl": "http://api.aigateway.sh"},
        {"apiKey": KEY, "baseUrl": 7},
    ],
)
def test_what_is_no_key_for_the_live_gateway_counts_as_none(
    tmp_path: Path, content: object
) -> None:
    environ = stored(tmp_path, content)
    assert load(tmp_path, environ) == Settings()


def test_without_a_home_there_is_none(tmp_path: Path) -> None:
    assert load(tmp_path, {}).api_key is None
