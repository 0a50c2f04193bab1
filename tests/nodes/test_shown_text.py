"""What strangers write is shown as text, in every frontend and in the log."""

# ruff: noqa: RUF001

from __future__ import annotations

import importlib
import logging
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ...api.errors import DASHBOARD_URL, DownloadError
from ...api.plain_text import MAX_MESSAGE, plain
from ...scripts.lib import headless, pack

STRANGERS = [
    "<img src=x onerror=alert(1)>",
    "<script type=module src=//evil.example/x.js></script>",
    "a < b > c & d",
    "&lt;script&gt; &#60;img&#62; &#x3c;svg&#x3e;",
    "[[Get more credit|https://evil.example/]]",
    "[[[x|https://evil.example/]]",
    "[Get more credit](https://evil.example/) ![](https://evil.example/pixel)",
    "[x]: https://evil.example",
    "see https://evil.example/a, HTTP://EVIL.EXAMPLE, ftp://evil.example file:///etc/passwd",
    "www.evil.example WWW.evil.example",
    "__LNK0__ __LNK7__",
    "<https://evil.example> mailto:evil@evil.example",
    f"{DASHBOARD_URL}.evil.example {DASHBOARD_URL}@evil.example {DASHBOARD_URL}?to=evil",
    f"[[x|{DASHBOARD_URL}]] https://evil.example/{DASHBOARD_URL}",
    "` `` ```",
]
# The regular expressions of frontend 1.35.9, as that version applies them.
LINKED = re.compile(
    r"(\b(https?|ftp|file):\/\/[-A-Z0-9+&@#/%?=~_|!:,.;]*[-A-Z0-9+&@#/%=~_|])"
    r"|(\bwww\.[-A-Z0-9+&@#/%?=~_|!:,.;]*[-A-Z0-9+&@#/%=~_|])",
    re.IGNORECASE,
)
LABELLED = re.compile(r"\[\[([^|\]]+)\|([^\]]+)\]\]")


@pytest.fixture(autouse=True, scope="module")
def comfyui(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("host")
    headless.configure(folder / "output", folder)


def status_text(text: str) -> str:
    return importlib.import_module(f"{pack.NAME}.nodes.status_text").status_text(text)


class Parsed(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append(tag)

    handle_startendtag = handle_starttag

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")

    def handle_entityref(self, name: str) -> None:
        self.found.append(name)

    handle_charref = handle_entityref


def assert_inert(shown: str) -> None:
    assert not LABELLED.search(shown)
    assert "__LNK" not in shown
    assert {found[0] for found in LINKED.finditer(shown)} <= {DASHBOARD_URL}
    assert not set("<>`\n\r\x1b") & set(shown)
    assert not [each for each in Parsed(shown).found if f"&{each};" in shown]
    assert "](" not in shown


@pytest.mark.parametrize("text", STRANGERS)
def test_nothing_that_a_stranger_writes_is_more_than_text(text: str) -> None:
    assert_inert(status_text(f"The url is “{text}”."))


@given(
    st.lists(
        st.one_of(
            st.text(max_size=5),
            st.sampled_from(
                ["<", ">", "&lt;", "[[", "]]", "|", "](", "http://", "www.", "__LNK0__", "a"]
            ),
            st.sampled_from([DASHBOARD_URL, "\x1b[31m", "\u202e", "\n", "\x1b", "_", "/", ":"]),
        )
    ).map("".join)
)
def test_no_text_becomes_more_than_text(text: str) -> None:
    assert_inert(status_text(text))


def test_ordinary_lines_and_our_own_link_stay_as_they_are() -> None:
    for text in (
        "30.0 s, 44100 Hz, stereo",
        "job job_1 · sandbox sketch: set a key in Settings > AIgateway".replace(">", "›"),
        f"Top up in the dashboard ({DASHBOARD_URL}). Nothing was sent.",
        "小猫 🎵 עברית naïve & co [take 2] a_b *c*",
    ):
        assert status_text(text) == text


def test_a_foreign_address_still_reads_right() -> None:
    shown = status_text("“https://evil.example/a?b=1&c=2” is no audio.")
    assert shown == "“https：//evil.example/a?b=1&c=2” is no audio."


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
