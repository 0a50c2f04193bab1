# ruff: noqa: RUF001
"""The rules by which lyrics become sung words, and words become the letters of a model."""

from __future__ import annotations

import string

import pytest

from ...audio.arrays import MediaError
from ...music.lyric_words import MOST_CHARACTERS, line_texts, spelled, sung_words

ENGLISH = string.ascii_uppercase + "'"
GERMAN = string.ascii_lowercase + "äöüß"


def spoken(lyrics: str, language: str = "en") -> list[str]:
    return [word.spoken for word in sung_words(lyrics, language)]


@pytest.mark.parametrize(
    "tag",
    [
        "[Verse 1]", "[Chorus: Jane & choir]", "(Chorus)", "Verse 2:", "PRE-CHORUS", "Guitar solo",
        "{bridge}", "【副歌】", "(Repeat chorus x2)", "Outro", "<intro>", "Hook ×3",
    ],
)  # fmt: skip
def test_a_tag_is_not_sung(tag: str) -> None:
    assert spoken(f"{tag}\nhello you\n{tag}\n\nhello me") == ["hello", "you", "hello", "me"]


def test_lines_are_counted_without_tags_and_empty_lines() -> None:
    words = sung_words("[Intro]\n\none two\n---\n[Verse]\nthree!\n♪\n(four) five")
    assert [(word.text, word.line) for word in words] == [
        ("one", 0), ("two", 0), ("three!", 1), ("four", 2), ("five", 2),
    ]  # fmt: skip
    assert line_texts(words) == ["one two", "three!", "four five"]


def test_words_in_round_brackets_are_ad_libs() -> None:
    words = sung_words("stay (oh, stay with me) tonight （yeah）")
    assert [word.spoken for word in words if word.is_ad_lib] == ["oh", "stay", "with", "me", "yeah"]
    assert words[1].text == "oh,"


def test_marks_of_repeats_are_not_sung() -> None:
    assert spoken("la la la x4\nhey you (x2)\nhey you (2x)") == ["la"] * 3 + ["hey", "you"] * 2


@pytest.mark.parametrize(
    ("digits", "language", "word"),
    [
        ("7", "en", "seven"),
        ("21st", "en", "twentyfirst"),
        ("40th", "en", "fortieth"),
        ("99", "en", "ninetynine"),
        ("1,500", "en", "fifteenhundred"),
        ("1985", "en", "nineteeneightyfive"),
        ("1905", "en", "nineteenofive"),
        ("2000", "en", "twothousand"),
        ("007", "en", "zerozeroseven"),
        ("123456", "en", "onetwothreefourfivesix"),
        ("12", "de", "einszwei"),
        ("3", "fr", "trois"),
        ("5%", "en", "fivepercent"),
        ("&", "es", "y"),
    ],
)
def test_digits_and_symbols_are_spelled_out(digits: str, language: str, word: str) -> None:
    assert spoken(digits, language) == [word]


def test_punctuation_is_shown_and_not_spoken() -> None:
    words = sung_words("“Don’t — stop,” she said; ’cause rock-’n’-roll…")
    assert [w.text for w in words] == [
        "“Don’t", "stop,”", "she", "said;", "’cause", "rock-’n’-roll…",
    ]  # fmt: skip
    assert [w.spoken for w in words] == ["don't", "stop", "she", "said", "cause", "rock'n'roll"]


def test_a_model_gets_the_letters_that_it_knows() -> None:
    words = sung_words("Süße Grüße, naïve façade don’t Łódź")
    assert spelled(words, GERMAN).letters == ["süße", "grüße", "naive", "facade", "dont", "lodz"]
    assert spelled(words, ENGLISH).letters[:2] == ["SUSSE", "GRUSSE"]
    assert spelled(words, ENGLISH).letters[4] == "DON'T"


def test_several_scripts_in_one_text_are_written_in_latin_letters() -> None:
    words = sung_words("Привет мир Ελλάδα さくら カラオケ 사랑 שלום سلام hello", "auto")
    found = spelled(words, string.ascii_lowercase)
    assert "".join(found.letters) == "privetmirelladasakurakaraokesarangshlvmslamhello"
    assert not found.unknown


def test_characters_that_no_rule_spells_are_named_once() -> None:
    found = spelled(sung_words("我爱你 love 我"), ENGLISH)
    assert found.unknown == "我爱你"
    assert found.letters == ["", "", "", "LOVE", ""]


def test_languages_without_spaces_are_words_of_one_character() -> None:
    words = sung_words("君の名は、\nきゃっと ok 夢")
    assert [word.text for word in words] == [
        "君", "の", "名", "は、", "きゃ", "っ", "と", "ok", "夢",
    ]  # fmt: skip
    assert line_texts(words)[0] == "君の名は、"


@pytest.mark.parametrize(
    ("lyrics", "reason"),
    [
        ("", "no text"),
        (" \n\t", "no text"),
        ("[Verse]\n[Chorus]\n…!?", "only tags and signs"),
        ("la " * (MOST_CHARACTERS // 3 + 1), "at most 20000 are expected"),
        ("half an \ud83d emoji", "half of a character"),
    ],
)
def test_lyrics_that_cannot_be_sung_are_one_sentence(lyrics: str, reason: str) -> None:
    with pytest.raises(MediaError, match=reason):
        sung_words(lyrics)


def test_hidden_marks_of_direction_and_emoji_are_no_letters() -> None:
    assert spoken("\u202eשלום\u202c 🎵 a\u200bb") == ["שלום", "ab"]
