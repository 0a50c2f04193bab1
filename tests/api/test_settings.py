"""Environment first, then one file; the key shows itself to nobody."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from ...api.errors import MissingKeyError, SettingsError
from ...api.settings import FILE_NAME, Mode, Settings, load
from ...api.wire.key import ApiKey

KEY = "sk-aig-abcdefghijkl"


def write(directory: Path, text: str) -> None:
    (directory / FILE_NAME).write_text(text, encoding="utf-8")


def test_without_anything_the_sandbox_answers(tmp_path: Path) -> None:
    settings = load(tmp_path, {})
    assert settings == Settings()
    assert settings.is_sandbox
    assert not any(tmp_path.iterdir())


def test_the_file_is_read_anew_each_time(tmp_path: Path) -> None:
    write(tmp_path, f'api_key = "{KEY}"\nspend_limit_per_day = 3\n')
    settings = load(tmp_path, {})
    assert settings.api_key is not None
    assert settings.api_key.reveal() == KEY
    assert str(tmp_path / FILE_NAME) in settings.api_key.source
    assert settings.spend_limit_per_day == 3
    assert not settings.is_sandbox
    write(tmp_path, "")
    assert load(tmp_path, {}).api_key is None


def test_the_environment_comes_first(tmp_path: Path) -> None:
    write(tmp_path, 'api_key = "sk-aig-from-the-file"\nmode = "sandbox"')
    environment = {
        "AIGATEWAY_API_KEY": f" {KEY} ",
        "AIGATEWAY_MODE": "live",
        "AIGATEWAY_BASE_URL": "https://gateway.example",
        "AIGATEWAY_UNCERTAIN_LIMIT": "0",
    }
    settings = load(tmp_path, environment)
    assert settings.api_key == ApiKey(KEY, "")
    assert settings.api_key is not None
    assert settings.api_key.source == "AIGATEWAY_API_KEY"
    assert settings.mode is Mode.LIVE
    assert settings.base_url == "https://gateway.example/v1"
    assert settings.uncertain_limit == 0


@pytest.mark.parametrize(
    ("mode", "has_key", "has_url", "sandbox"),
    [
        ("auto", False, False, True),
        ("auto", True, False, False),
        ("auto", False, True, False),
        ("live", False, False, False),
        ("sandbox", True, True, True),
    ],
)
def test_who_answers(
    tmp_path: Path, mode: str, has_key: bool, has_url: bool, sandbox: bool
) -> None:
    environment = {"AIGATEWAY_MODE": mode}
    if has_key:
        environment["AIGATEWAY_API_KEY"] = KEY
    if has_url:
        environment["AIGATEWAY_BASE_URL"] = "http://127.0.0.1:9"
    assert load(tmp_path, environment).is_sandbox is sandbox


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("api_key = ", "cannot be read"),
        ("api_key = 5", "no text"),
        ('api_key = "two words"', "copy the key again"),
        ('mode = "maybe"', "One of auto, live, sandbox"),
        ('on_interrupt = "panic"', "One of keep, cancel"),
        ("spend_limit_per_run = -1", "0 or more"),
        ('spend_limit_per_run = "much"', "0 or more"),
        ("spend_limit_per_run = nan", "0 or more"),
        ('allow_unknown_price = "perhaps"', "true and false"),
        ('base_url = "nowhere"', "http or https"),
        ("apikey = 1", "unknown setting “apikey”"),
    ],
)
def test_a_wrong_value_is_named_with_its_file(tmp_path: Path, text: str, part: str) -> None:
    write(tmp_path, text)
    with pytest.raises(SettingsError, match=part) as caught:
        load(tmp_path, {})
    assert str(tmp_path) in str(caught.value)


def test_a_missing_key_says_exactly_where_to_put_it(tmp_path: Path) -> None:
    with pytest.raises(MissingKeyError) as caught:
        Settings(mode=Mode.LIVE).require_key(tmp_path)
    assert str(tmp_path / FILE_NAME) in str(caught.value)
    assert "AIGATEWAY_API_KEY" in str(caught.value)


def test_the_key_shows_itself_only_to_whoever_asks_by_name() -> None:
    key = ApiKey(KEY, "AIGATEWAY_API_KEY")
    settings = Settings(api_key=key)
    for shown in (repr(key), str(key), f"{key}", repr(settings), str(vars(settings))):
        assert KEY not in shown
    assert key.hint == "…ijkl"
    assert ApiKey("short", "").hint == "…"
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        copy.deepcopy(settings)
