"""What strangers write is shown as text, in every frontend and in the log."""

# ruff: noqa: RUF001

from __future__ import annotations

import importlib
import logging

import pytest

from ...api.base.errors import DownloadError
from ...api.base.plain_text import MAX_MESSAGE, plain
from ...scripts.lib import headless, pack


@pytest.fixture(autouse=True, scope="module")
def comfyui(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("host")
    headless.configure(folder / "output", folder)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a\r\n[aigateway] paid\tb", "a [aigateway] paid b"),
        ("\x1b[2J\x1b[31mred\x1b[0m \x1b]0;title\x07x \x9b1mb", "red x b"),
        ("abc\u202etxt.exe\u2066 \u200fq\u061c", "abctxt.exe q"),
        ("a\x00b\x08c\x7fd\ud800e\ufefff\u2028g\u200bh", "abcdef gh"),
        ("👩\u200d🎤 می\u200cخواهم", "👩\u200d🎤 می\u200cخواهم"),
    ],
)
def test_control_characters_go_and_scripts_stay(given: str, shown: str) -> None:
    assert plain(given) == shown


def test_a_long_message_keeps_its_beginning_and_its_end() -> None:
    said = str(DownloadError(f"Failed: {'x' * 70_000}. The job is job_7."))
    assert len(said) == MAX_MESSAGE
    assert said.startswith("Failed: xxx")
    assert said.endswith("The job is job_7.")


def test_nobody_else_writes_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    host = importlib.import_module(f"{pack.NAME}.nodes.host")
    with caplog.at_level(logging.INFO, "aigateway"):
        host.log.warning("%s ignores lyrics.", "m\nERROR all is lost\x1b[2J\u202e")
    assert caplog.messages == ["m ERROR all is lost ignores lyrics."]
