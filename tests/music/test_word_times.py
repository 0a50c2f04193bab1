"""The times of sung words: from emissions of known times, and from speech that a network hears."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from ...audio.arrays import MediaError, Samples
from ...music.lyric_words import sung_words
from ...music.word_times import LEAST_CONFIDENCE, RATE, Hearing, Sung, align, hear, voice_samples
from .ctc.network import LABELS, small_ctc
from .pieces import noise, piece

FRAME = 0.02
LETTERS = ("-", *"abcdefghijklmnopqrstuvwxyz'")
"""The labels of a network without an end of a word."""
SPEECH = Path(__file__).with_name("ctc") / "speech"


def emissions(
    words: Sequence[str], starts: Sequence[float], seconds: float, labels: tuple[str, ...] = LABELS
) -> Hearing:
    """What a sure network hears: letters 60 ms apart from each start on, in a little noise."""
    random = np.random.default_rng(3)
    logits = random.normal(0, 0.5, (round(seconds / FRAME), len(labels)))
    logits[:, 0] += 8
    for word, start in zip(words, starts, strict=True):
        first = round(start / FRAME)
        for number, letter in enumerate(word):
            logits[first + 3 * number, labels.index(letter)] += 16
        if "|" in labels:
            logits[first + 3 * len(word), labels.index("|")] += 16
    return Hearing(torch.from_numpy(logits).float().log_softmax(-1), labels, FRAME)


def spread(words: Sequence[str], first: float = 0.5, pause: float = 0.15) -> list[float]:
    starts = []
    for word in words:
        starts.append(first)
        first += FRAME * round((0.06 * len(word) + pause) / FRAME)
    return starts


def errors(sung: Sung, starts: list[float]) -> list[float]:
    return [abs(word.start - start) for word, start in zip(sung.words, starts, strict=True)]


@pytest.mark.parametrize("labels", [LABELS, LETTERS], ids=["with ends of words", "without"])
def test_words_begin_where_their_letters_are_heard(labels: tuple[str, ...]) -> None:
    lyrics = "we're all alone\ntell me who will keep the little apple"
    words = lyrics.split()
    starts = spread(words)
    sung = align(emissions(words, starts, 12, labels), sung_words(lyrics))
    assert [word.word for word in sung.words] == words
    assert max(errors(sung, starts)) <= FRAME
    assert [word.line for word in sung.words] == [0] * 3 + [1] * 8
    assert sung.share == 1
    assert not sung.missing
    assert all(a.end <= b.start for a, b in zip(sung.words, sung.words[1:], strict=False))


def test_a_line_that_is_not_sung_is_named_and_moves_no_other_word() -> None:
    words = ["over", "the", "water", "nobody", "answers", "again", "under", "the", "moon"]
    starts = spread(words)
    lyrics = (
        "over the water\ncolder than yesterday\nnobody answers again\n"
        "every bridge is burning down\nunder the moon"
    )
    sung = align(emissions(words, starts, 8), sung_words(lyrics))
    assert sung.missing == [1, 3]
    assert max(errors(sung, starts)) <= FRAME
    assert sung.share == pytest.approx(9 / 17)


def test_words_that_stand_in_no_lyrics_are_passed_over() -> None:
    words = ["hello", "my", "friend", "somebody", "speaks", "here", "farewell", "my", "friend"]
    starts = spread(words)
    sung = align(emissions(words, starts, 9), sung_words("hello my friend\nfarewell my friend"))
    assert max(errors(sung, starts[:3] + starts[6:])) <= FRAME
    assert sung.share == 1


def test_a_chorus_that_comes_twice_has_its_own_times_each_time() -> None:
    chorus = "sing it again\nsing it with me"
    lyrics = f"{chorus}\nthe night is long\n{chorus}"
    words = lyrics.split()
    starts = spread(words)
    sung = align(emissions(words, starts, 12), sung_words(lyrics))
    assert max(errors(sung, starts)) <= FRAME


def test_the_second_chorus_of_the_lyrics_is_missing_where_it_is_sung_once() -> None:
    chorus = "sing it again\nsing it with me"
    words = f"{chorus}\nthe night is long".split()
    sung = align(
        emissions(words, spread(words), 9), sung_words(f"{chorus}\nthe night is long\n{chorus}")
    )
    assert sung.missing == [3, 4]


def test_nothing_is_found_where_nothing_is_sung() -> None:
    sung = align(emissions([], [], 30), sung_words("one two three\nfour five six"))
    assert not sung.words
    assert sung.missing == [0, 1]
    assert sung.share == 0


def test_lyrics_longer_than_the_audio_end_with_it() -> None:
    lyrics = "first line here\n" + "and many more of them that never come\n" * 30
    words = ["first", "line", "here"]
    sung = align(emissions(words, spread(words), 3), sung_words(lyrics))
    assert [word.word for word in sung.words] == words
    assert sung.missing == list(range(1, 31))


def test_a_line_of_which_a_part_is_sung_is_said_as_such_and_its_other_words_are_unsure() -> None:
    words = ["over", "the", "water", "nobody", "answers", "under", "the", "moon"]
    starts = spread(words)
    lyrics = "over the water\nnobody answers every bridge is burning down\nunder the moon"
    sung = align(emissions(words, starts, 8), sung_words(lyrics))
    assert not sung.missing
    assert sung.parts == [(1, 2, 7)]
    sure = [word for word in sung.words if word.confidence >= LEAST_CONFIDENCE]
    assert [word.word for word in sure] == words
    assert max(abs(w.start - start) for w, start in zip(sure, starts, strict=True)) <= FRAME


def test_one_common_word_of_a_line_is_no_part_of_it() -> None:
    words = ["over", "the", "water", "the", "under", "the", "moon"]
    lyrics = "over the water\nevery bridge that burns is the last\nunder the moon"
    sung = align(emissions(words, spread(words), 8), sung_words(lyrics))
    assert sung.missing == [1]
    assert not sung.parts


@pytest.mark.parametrize("early", [0.01, 0.025, 0.04])
def test_a_word_begins_where_the_sound_changes_a_little_before_its_frame(early: float) -> None:
    words = ["tell", "me", "who", "will", "keep"]
    starts = spread(words)
    changes = np.full(600, 0.1, np.float32)
    changes[np.round((np.array(starts) - early) * 200).astype(int)] = 5
    sung = align(emissions(words, starts, 3)._replace(changes=changes), sung_words(" ".join(words)))
    expected = [start - early for start in starts]
    assert [word.start for word in sung.words] == pytest.approx(expected, abs=0.0026)


def test_an_ad_lib_that_is_not_sung_is_left_out_and_does_not_count() -> None:
    words = ["stay", "with", "me", "tonight"]
    starts = spread(words)
    sung = align(emissions(words, starts, 5), sung_words("stay with me (yeah yeah) tonight"))
    assert [word.word for word in sung.words] == words
    assert sung.share == 1
    assert max(errors(sung, starts)) <= FRAME


def test_a_word_without_known_letters_stands_between_its_neighbours() -> None:
    words = ["hello", "world"]
    starts = spread(words, pause=0.9)
    sung = align(emissions(words, starts, 5), sung_words("hello 世界 world"))
    assert [word.word for word in sung.words] == ["hello", "世", "界", "world"]
    assert sung.unknown == "世界"
    assert sung.words[0].end <= sung.words[1].start < sung.words[2].start < sung.words[3].start
    assert sung.words[1].confidence == 0


def test_lyrics_in_letters_that_the_network_lacks_are_refused() -> None:
    with pytest.raises(MediaError, match="no letters for these lyrics"):
        align(emissions([], [], 5), sung_words("世界"))


# Speech of espeak-ng that the network of the tests never heard


@cache
def network():  # type: ignore[no-untyped-def]
    return small_ctc()


@cache
def speech() -> list[tuple[Samples, str, list[float | None]]]:
    facts = json.loads((SPEECH / "speech.json").read_text("utf-8"))
    return [
        (
            soundfile.read(SPEECH / f"{name}.ogg", dtype="float32", always_2d=True)[0].T,
            fact["lyrics"],
            fact["starts"],
        )
        for name, fact in facts.items()
    ]


def heard(samples: Samples, rate: int) -> Hearing:
    return hear(voice_samples(samples, rate), network(), LABELS)


def with_noise(samples: Samples) -> Samples:
    """White noise 10 dB below the speech."""
    random = np.random.default_rng(5)
    level = np.sqrt(np.mean(samples**2)) * 10 ** (-10 / 20)
    return samples + level * random.standard_normal(samples.shape).astype(np.float32)


def over_music(samples: Samples) -> Samples:
    """A sketch of the sandbox 6 dB below the speech."""
    made = piece("calm piano, strings and soft drums", 15.0)
    music = made.samples.mean(axis=0)
    places = np.arange(samples.shape[1]) * made.rate / RATE
    music = np.interp(places, np.arange(len(music)), music).astype(np.float32)
    level = np.sqrt(np.mean(samples**2) / np.mean(music**2)) * 10 ** (-6 / 20)
    return samples + level * music


@pytest.mark.parametrize("change", [np.asarray, with_noise, over_music])
def test_speech_of_unheard_sentences_is_aligned(change) -> None:  # type: ignore[no-untyped-def]
    found = []
    count = 0
    for samples, lyrics, starts in speech():
        sung = align(heard(change(samples), RATE), sung_words(lyrics))
        assert not sung.missing
        assert len(sung.words) == len(starts)
        count += len(starts)
        found += [
            abs(word.start - start)
            for word, start in zip(sung.words, starts, strict=True)
            if start is not None
        ]
    assert count >= 70
    assert np.median(found) <= 0.010
    assert np.quantile(found, 0.95) <= 0.200


def test_a_line_that_is_not_spoken_is_found_out() -> None:
    for samples, lyrics, starts in speech():
        first, second = lyrics.split("\n")
        text = f"{first}\npurple elephants are juggling with potatoes\n{second}"
        sung = align(heard(samples, RATE), sung_words(text))
        assert sung.missing == [1], lyrics
        assert len(sung.words) == len(starts)


@pytest.mark.parametrize("change", [np.asarray, over_music])
def test_a_line_that_ends_in_the_middle_is_found_in_part(change) -> None:  # type: ignore[no-untyped-def]
    for samples, lyrics, starts in speech():
        first, second = lyrics.split("\n")
        text = f"{first} purple elephants juggling potatoes\n{second}"
        sung = align(heard(change(samples), RATE), sung_words(text))
        assert not sung.missing, lyrics
        count = len(first.split())
        ((line, found, words),) = sung.parts
        assert (line, words) == (0, count + 4)
        assert count - 2 <= found <= count
        assert len(sung.words) == len(starts) + 4


def test_windows_leave_no_seam() -> None:
    """All sentences one after the other, longer than a window: their times stay."""
    parts, words, offset = [], [], 0.0
    lyrics = []
    for samples, text, starts in speech():
        parts.append(samples)
        words += [None if start is None else start + offset for start in starts]
        lyrics.append(text)
        offset += samples.shape[1] / RATE
    assert offset > 21
    hearing = heard(np.concatenate(parts, axis=1), RATE)
    assert len(hearing.log_probs) == pytest.approx(offset / FRAME, abs=2)
    sung = align(hearing, sung_words("\n".join(lyrics)))
    found = [
        abs(w.start - start)
        for w, start in zip(sung.words, words, strict=True)
        if start is not None
    ]
    assert np.median(found) <= 0.060
    assert np.quantile(found, 0.95) <= 0.200


@pytest.mark.parametrize(("rate", "channels"), [(8000, 1), (44100, 2), (48000, 6)])
def test_any_rate_and_any_channels_are_heard(rate: int, channels: int) -> None:
    samples, lyrics, starts = speech()[0]
    places = np.arange(int(samples.shape[1] * rate / RATE)) * RATE / rate
    other = np.interp(places, np.arange(samples.shape[1]), samples[0]).astype(np.float32)
    sung = align(heard(np.tile(other, (channels, 1)), rate), sung_words(lyrics))
    found = [abs(w.start - s) for w, s in zip(sung.words, starts, strict=True) if s is not None]
    assert np.median(found) <= 0.060


def test_music_without_a_voice_sings_no_words() -> None:
    sound = noise(20.0)
    sung = align(
        heard(sound, 44100),
        sung_words("carry the lantern down to the water\nlet every window shine"),
    )
    assert sung.share <= 0.2


def test_silence_is_refused_in_one_sentence() -> None:
    with pytest.raises(MediaError, match="The audio is silent"):
        voice_samples(np.zeros((2, 5 * RATE), np.float32), RATE)


def test_a_moment_of_audio_is_refused_in_one_sentence() -> None:
    with pytest.raises(MediaError, match=r"at least 0\.1 s is expected"):
        voice_samples(np.full((1, 100), 0.5, np.float32), RATE)
