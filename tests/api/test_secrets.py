"""Secrets of a farm: in a variable, in a file, in the settings; shown to nobody."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from ...api.base.errors import SettingsError
from ...api.farm.shared_addresses import StoreUrl
from ...api.settings import FILE_NAME, Settings, is_from_environment, load, write
from ...api.wire.key import ApiKey

CANARY = "canary/with+odd=signs"
URL = f"s3://bucket/folder/?region=auto&secret_access_key={CANARY}&Access_Key_ID=a%26b"


def test_an_address_has_a_bucket_and_options() -> None:
    url = StoreUrl(URL, "a test")
    assert url.shown == "s3://bucket/folder"
    assert url.options == {
        "region": "auto",
        "secret_access_key": CANARY,
        "access_key_id": "a&b",
    }


def test_the_address_shows_itself_to_nobody(tmp_path: Path) -> None:
    settings = load(tmp_path, {"AIGATEWAY_STORE_URL": URL})
    url = settings.store_url
    assert url is not None
    assert url.reveal() == URL
    for shown in (repr(url), str(url), f"{url}", repr(settings), str(vars(settings))):
        assert "canary" not in shown
        assert "bucket" not in shown
    for copied in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never copied"):
            copied(url)


@pytest.mark.parametrize(
    "wrong",
    [
        f"http://bucket/{CANARY}",
        f"file:///{CANARY}",
        f"memory:///{CANARY}",
        f"s3:{CANARY}",
        f"s3:///{CANARY}",
        f"s3://key:{CANARY}@bucket/folder",
        f"s3://[{CANARY}",
        f"s3://bucket/#{CANARY}",
        CANARY,
    ],
)
@pytest.mark.parametrize("where", ["environment", "file"])
def test_a_wrong_address_is_one_sentence_without_it(tmp_path: Path, wrong: str, where: str) -> None:
    environment = {"AIGATEWAY_STORE_URL": wrong}
    if where == "file":
        environment = {}
        (tmp_path / FILE_NAME).write_text(f'store_url = "{wrong}"', "utf-8")
    with pytest.raises(SettingsError, match="store_url from") as caught:
        load(tmp_path, environment)
    assert "canary" not in str(caught.value)


def test_a_number_for_an_address_is_a_sentence_too(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("store_url = 7", "utf-8")
    with pytest.raises(SettingsError, match=r"The store_url in .* is not text"):
        load(tmp_path, {})


@pytest.mark.parametrize("around", ["{}", "{}\n", "\ufeff{}", '"{}"', "  {}\r\n"])
def test_a_file_may_hold_a_secret(tmp_path: Path, around: str) -> None:
    key, url = tmp_path / "key", tmp_path / "url"
    key.write_text(around.format("sk-aig-from-a-file"), "utf-8")
    url.write_text(around.format(URL), "utf-8")
    environment = {"AIGATEWAY_API_KEY_FILE": str(key), "AIGATEWAY_STORE_URL_FILE": f'"{url}"'}
    settings = load(tmp_path / "data", environment)
    assert settings.api_key == ApiKey("sk-aig-from-a-file", "")
    assert settings.api_key is not None
    assert settings.api_key.source == "AIGATEWAY_API_KEY_FILE"
    assert settings.store_url == StoreUrl(URL, "")
    assert is_from_environment("api_key", environment)
    assert is_from_environment("store_url", environment)


def test_the_variable_comes_before_its_file(tmp_path: Path) -> None:
    environment = {
        "AIGATEWAY_STORE_URL": "gs://bucket",
        "AIGATEWAY_STORE_URL_FILE": str(tmp_path / "missing"),
    }
    assert load(tmp_path, environment).store_url == StoreUrl("gs://bucket", "")


@pytest.mark.parametrize("content", [None, b"\xff\xfe s3://canary"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match="that AIGATEWAY_STORE_URL_FILE names") as caught:
        load(tmp_path, {"AIGATEWAY_STORE_URL_FILE": str(path)})
    assert str(path) in str(caught.value)
    assert "canary" not in str(caught.value)


def test_only_secrets_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "mode").write_text("live")
    assert load(tmp_path, {"AIGATEWAY_MODE_FILE": str(tmp_path / "mode")}) == Settings()


def test_the_address_can_be_written_and_removed(tmp_path: Path) -> None:
    write(tmp_path, "store_url", URL)
    assert load(tmp_path, {}).store_url == StoreUrl(URL, "")
    write(tmp_path, "store_url", None)
    assert load(tmp_path, {}).store_url is None
