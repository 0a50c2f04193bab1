"""Environment first, then one file; the key shows itself to nobody."""

from __future__ import annotations

import codecs
import copy
import pickle
from dataclasses import fields
from pathlib import Path

import pytest

from ...api.base.errors import MissingKeyError, SettingsError
from ...api.settings import FILE_NAME, Mode, Settings, load
from ...api.settings import write as change
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
        ("api_key = 5", "is not text"),
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


TOML = f'api_key = "{KEY}"\r\nmode = "live"\r\n# für später\r\n'


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_file_of_a_windows_editor_is_read_and_written(
    tmp_path: Path, mark: bytes, line_end: str
) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(mark + TOML.replace("\r\n", line_end).encode())
    assert load(tmp_path, {}).mode is Mode.LIVE
    change(tmp_path, "spend_limit_per_day", 3)
    settings = load(tmp_path, {})
    assert (settings.mode, settings.spend_limit_per_day) == (Mode.LIVE, 3)
    assert "# für später" in path.read_text("utf-8-sig")


@pytest.mark.parametrize(
    "content",
    [
        TOML.encode("utf-16"),
        TOML.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + TOML.encode("utf-16-be"),
        TOML.encode("utf-32"),
        TOML.encode("cp1252"),
        b"\xff\xfe",
    ],
)
def test_another_encoding_is_one_sentence_and_the_file_stays(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / FILE_NAME
    path.write_bytes(content)
    with pytest.raises(SettingsError, match="save it as UTF-8"):
        load(tmp_path, {})
    with pytest.raises(SettingsError, match="save it as UTF-8"):
        change(tmp_path, "mode", "live")
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "text",
    [
        f'"{KEY}"',
        f"'{KEY}'",
        f"Bearer {KEY}",
        f"bearer   {KEY}",
        f'"Bearer {KEY}"',
        f'Bearer "{KEY}"',
        f"Authorization: Bearer {KEY}",
        f"“{KEY}”",
        f"\ufeff{KEY}\n",
    ],
)
def test_what_stands_around_a_key_is_taken_off(tmp_path: Path, text: str) -> None:
    settings = load(tmp_path, {"AIGATEWAY_API_KEY": text})
    assert settings.api_key == ApiKey(KEY, "")
    change(tmp_path, "api_key", text)
    assert load(tmp_path, {}).api_key == ApiKey(KEY, "")
    assert f'api_key = "{KEY}"' in (tmp_path / FILE_NAME).read_text("utf-8")


@pytest.mark.parametrize("text", ['""', "''", "Bearer", "Bearer ", '"Bearer "', " "])
def test_nothing_but_its_surroundings_is_no_key(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, {"AIGATEWAY_API_KEY": text}).api_key is None


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("AIGATEWAY_MODE", '"live"'),
        ("AIGATEWAY_SPEND_LIMIT_PER_RUN", "'2.5'"),
        ("AIGATEWAY_BASE_URL", '"https://gateway.example"'),
        ("AIGATEWAY_ALLOW_UNKNOWN_PRICE", '" true "'),
    ],
)
def test_quotes_around_a_variable_are_taken_off(tmp_path: Path, variable: str, text: str) -> None:
    bare = {variable: text.strip("\"' ")}
    assert load(tmp_path, {variable: text}) == load(tmp_path, bare) != Settings()


@pytest.mark.parametrize("user", ["user:hunter2", "hunter2", "u:hunter2/x"])
def test_a_password_in_the_base_url_is_refused_and_not_shown(tmp_path: Path, user: str) -> None:
    write(tmp_path, f'base_url = "https://{user}@gateway.example/v1"')
    with pytest.raises(SettingsError, match=FILE_NAME) as caught:
        load(tmp_path, {})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "tag"), [("studio-7", "studio-7"), ("off", ""), ("OFF", ""), ("", "comfyui-music")]
)
def test_a_cost_tag_is_chosen_or_switched_off(tmp_path: Path, text: str, tag: str) -> None:
    assert load(tmp_path, {"AIGATEWAY_COST_TAG": text}).cost_tag == tag


@pytest.mark.parametrize("text", ["two words", "a" * 48, "ü", "a/b", "a\nb"])
def test_a_cost_tag_that_no_header_holds_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match="cost_tag"):
        load(tmp_path, {"AIGATEWAY_COST_TAG": text})


SWITCHES = [field.name for field in fields(Settings) if isinstance(field.default, bool)]


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_is_turned_both_ways(tmp_path: Path, name: str) -> None:
    for text, value in (("true", True), ("false", False), ("1", True), ("0", False)):
        assert getattr(load(tmp_path, {f"AIGATEWAY_{name.upper()}": text}), name) is value
    with pytest.raises(SettingsError, match=f"{name}.*true and false"):
        load(tmp_path, {f"AIGATEWAY_{name.upper()}": "perhaps"})
