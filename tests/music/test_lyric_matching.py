"""Known lyrics beside a transcription: insertions, deletions, repeats, and unsung lines."""

from __future__ import annotations

import itertools
import random

import pytest

from ...music.lyric_matching import Heard, match
from ...music.lyric_words import sung_words

SONG = (
    "Carry the lantern down to the water\nlet every window shine\n"
    "Sing it again\nsing it with me\nsilver birds are sleeping in the harbor\n"
    "Sing it again\nsing it with me"
)


def spoken_at(text: str, first: float = 1.0, step: float = 0.5) -> list[Heard]:
    """A transcription whose words are `step` seconds apart."""
    words = text.lower().split()
    starts = [first + step * number for number in range(len(words))]
    return [Heard(word, start, start + 0.4) for word, start in zip(words, starts, strict=True)]


def test_every_word_that_was_heard_has_its_time() -> None:
    heard = spoken_at(SONG)
    sung = match(sung_words(SONG), heard)
    assert [(word.start, word.end) for word in sung.words] == [(h.start, h.end) for h in heard]
    assert sung.share == 1
    assert not sung.missing
    assert {word.line for word in sung.words} == set(range(7))


@pytest.mark.parametrize("seed", range(5))
def test_lost_misheard_and_added_words_move_no_other_word(seed: int) -> None:
    rng = random.Random(seed)
    heard = spoken_at(SONG)
    truth = [each.start for each in heard]
    lost = set(rng.sample(range(len(heard)), 4))
    noisy = [each for number, each in enumerate(heard) if number not in lost]
    noisy[3] = noisy[3]._replace(word="uh")
    noisy.insert(9, Heard("baby", noisy[9].start - 0.05, noisy[9].start))
    sung = match(sung_words(SONG), noisy)
    errors = [abs(w.start - t) for w, t in zip(sung.words, truth, strict=True)]
    assert max(errors) < 1.0
    assert sum(error == 0 for error in errors) >= len(truth) - 5
    assert not sung.missing
    assert sung.share == pytest.approx(1 - 5 / len(truth), abs=0.04)


def test_a_gap_is_shared_by_syllables_and_its_words_are_unsure() -> None:
    heard = [Heard("we", 1.0, 1.2), Heard("home", 3.2, 3.6)]
    sung = match(sung_words("we wonderfully go home"), heard)
    first, second = sung.words[1:3]
    assert first.start == pytest.approx(1.2)
    assert second.end == pytest.approx(3.2)
    assert (first.end - first.start) / (second.end - second.start) == pytest.approx(4)
    assert first.confidence == second.confidence == 0


def test_a_line_that_was_not_heard_is_missing_though_a_common_word_of_it_was() -> None:
    lyrics = "carry the lantern down\nthe purple elephants juggle\nlet every window shine"
    heard = spoken_at("carry the lantern down the let every window shine")
    sung = match(sung_words(lyrics), heard)
    assert sung.missing == [1]
    assert "purple" not in [word.word for word in sung.words]
    assert sung.share == pytest.approx(8 / 12)


def test_a_line_of_which_half_was_heard_is_said_as_such() -> None:
    lyrics = "carry the lantern down to the water\nlet every window shine"
    sung = match(sung_words(lyrics), spoken_at("carry the lantern let every window shine"))
    assert not sung.missing
    assert sung.parts == [(0, 3, 7)]


def test_a_chorus_that_is_sung_once_is_found_once() -> None:
    sung = match(sung_words(SONG), spoken_at("\n".join(SONG.split("\n")[:5])))
    assert sung.missing == [5, 6]


def test_times_stay_in_order() -> None:
    heard = spoken_at(SONG)[::3]
    words = match(sung_words(SONG), heard).words
    assert all(a.start <= b.start and a.start <= a.end for a, b in itertools.pairwise(words))


def test_languages_without_spaces_are_matched_by_their_characters() -> None:
    sung = match(
        sung_words("君の名は\n夢を見る"), [Heard("君の名は", 1.0, 3.0), Heard("夢を", 4, 5)]
    )
    assert [word.start for word in sung.words[:4]] == [1.0, 1.5, 2.0, 2.5]
    assert not sung.missing


def test_nothing_heard_finds_nothing() -> None:
    sung = match(sung_words(SONG), [])
    assert not sung.words
    assert sung.missing == list(range(7))
    assert sung.share == 0


def test_an_ad_lib_that_was_not_heard_is_left_out() -> None:
    sung = match(sung_words("stay with me (yeah) tonight"), spoken_at("stay with me tonight"))
    assert [word.word for word in sung.words] == ["stay", "with", "me", "tonight"]
    assert sung.share == 1
