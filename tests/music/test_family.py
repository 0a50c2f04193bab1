"""Tracks of one family: after the alignment a game changes between them at any bar."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ...audio.arrays import MediaError, Samples
from ...audio.stopping import Stop, Stopped
from ...benchmarks.marked import BAR, Marked, beat_errors, bent, marked
from ...music.family import Family, Member, align
from ...music.loudness import integrated_loudness
from ...music.mastering import level_of
from .pieces import RATE, noise

TECHNO, HOUSE = "techno 120 bpm", "house 122 bpm"
LONG = 28.0


def member(prompt: str, seconds: float = LONG) -> Member:
    made = marked(prompt, seconds)
    return Member(prompt, made.samples, made.rate)


def music(prompt: str) -> Member:
    """The same without marks, stereo."""
    made = member(prompt)
    return made._replace(samples=np.ascontiguousarray(made.samples[:2]))


def as_member(name: str, made: Marked) -> Member:
    return Member(name, made.samples, made.rate)


def check_form(family: Family) -> None:
    """One form, also of the members that are not aligned; one loudness of those that are."""
    shapes = {made.samples.shape for made in family.members}
    assert len(shapes) == 1
    assert shapes.pop()[1] == family.length
    for made in family.members:
        assert made.samples.dtype == np.float32
        assert np.isfinite(made.samples).all()
    aligned = [made for made in family.members if not made.problem]
    heard = [integrated_loudness(made.samples, family.sample_rate) for made in aligned]
    assert max(heard, default=0) - min(heard, default=0) < 0.15


def check_bars(family: Family) -> None:
    """Every aligned member: bars within 10 ms of each other, the downbeats on the downbeats."""
    bars = []
    for made in family.members:
        if made.problem:
            continue
        errors, _ = beat_errors(made.samples, family.sample_rate, family.bpm, family.meter)
        # The attack of the first beat is whole: each file begins 5 ms before it.
        assert np.abs(errors - 0.005).max() < 0.010, made.name
        bars.append(errors)
    for one, other in itertools.combinations(bars, 2):
        assert np.abs(one - other).max() < 0.010


def is_downbeat_first(family: Family, made: Samples) -> bool:
    _, heights = beat_errors(made, family.sample_rate, family.bpm)
    by_place = [heights[place :: family.meter].mean() for place in range(family.meter)]
    # The first beat is left out, so a downbeat is the last of each group.
    return by_place[-1] > BAR / 2 * max(by_place[:-1])


def step_of_seam(loop: Samples) -> float:
    """The step from the last sample to the first, over the largest step inside."""
    return float(np.abs(loop[:2, 0] - loop[:2, -1]).max() / np.abs(np.diff(loop[:2])).max())


def test_members_of_other_tempi_meet_at_every_bar() -> None:
    family = align([member(TECHNO), member(HOUSE), member("electronic 118 bpm")])
    assert [made.problem for made in family.members] == ["", "", ""]
    assert (family.bpm, family.meter) == (120, 4)
    assert family.bars % 4 == 0
    assert family.length == round(family.bars * 4 * 60 / 120 * family.sample_rate)
    check_form(family)
    check_bars(family)
    for made in family.members:
        assert is_downbeat_first(family, made.samples), made.name
        assert step_of_seam(made.samples) < 1
    assert "3 of 3 members aligned" in family.summary


def test_a_member_at_the_right_tempo_keeps_its_samples() -> None:
    source = music(TECHNO)
    family = align([source], tempo=120)
    start = float(family.members[0].facts.split("from ")[1].split(" s of")[0])
    level = family.members[0].samples[0]
    guess = round(start * RATE)
    middle = slice(RATE, 3 * RATE)
    likeness = [
        np.corrcoef(level[middle], source.samples[0, guess + shift :][middle])[0, 1]
        for shift in range(-700, 300)
    ]
    assert max(likeness) > 0.99999


def test_a_member_at_half_the_tempo_meets_the_others() -> None:
    family = align([member(TECHNO), member(HOUSE), member("calm piano ballad 60 bpm")])
    assert [made.problem for made in family.members] == ["", "", ""]
    check_form(family)
    slow = family.members[2].samples
    # Its own beats are every second beat of the family.
    errors, _ = beat_errors(slow, family.sample_rate, family.bpm, 2)
    assert np.abs(errors - 0.005).max() < 0.010


def test_a_cut_opening_does_not_move_the_downbeat() -> None:
    source = member(TECHNO)
    cut = source._replace(name="cut", samples=source.samples[:, round(2.77 * RATE) :].copy())
    family = align([member(HOUSE), cut])
    assert not any(made.problem for made in family.members)
    check_bars(family)
    assert is_downbeat_first(family, family.members[1].samples)


def test_a_tempo_that_drifts_is_straightened() -> None:
    drifting = bent(marked(TECHNO, LONG), lambda t: t + 0.02 * np.sin(2 * np.pi * t / 12))
    family = align([member(HOUSE), as_member("drifts", drifting)])
    assert not any(made.problem for made in family.members)
    check_bars(family)


def test_who_cannot_be_aligned_is_named_with_the_reason() -> None:
    members = [
        music(TECHNO),
        music(HOUSE),
        music("acoustic guitar folk waltz 3/4, 120 bpm"),
        music("drum and bass 170 bpm"),
        Member("noise", noise(20), RATE),
        Member("silence", np.zeros((2, 10 * RATE), np.float32), RATE),
        Member("click", np.full((1, 1), 0.1, np.float32), RATE),
    ]
    family = align(members, tempo=120)
    reasons = [made.problem for made in family.members]
    assert reasons[:2] == ["", ""]
    assert "3 beats" in reasons[2]
    assert "85.0 bpm" in reasons[3]
    assert "no steady beat" in reasons[4]
    assert reasons[5] == "it is silent"
    assert "no steady beat" in reasons[6]
    check_form(family)
    assert not family.members[5].samples.any()
    assert "2 of 7 members aligned" in family.report
    assert "noise is not aligned: it has no steady beat." in family.report


def test_a_beat_that_is_too_weak_for_the_promise_is_named() -> None:
    swinging = bent(marked(TECHNO, LONG), lambda t: t + 0.05 * np.sin(2 * np.pi * t / 12))
    family = align([member(TECHNO), as_member("swings", swinging)], tempo=120)
    assert "its beat is weak" in family.members[1].problem
    check_form(family)


def test_other_rates_and_channels_become_one_form() -> None:
    source = music(TECHNO)
    mono = source._replace(samples=source.samples[:1].copy())
    low = Member("22 kHz", source.samples[:, ::2].copy(), RATE // 2)
    family = align([low, mono, source])
    assert family.sample_rate == RATE
    assert {made.samples.shape[0] for made in family.members} == {2}
    assert not any(made.problem for made in family.members)
    check_form(family)


def test_a_shorter_member_is_repeated() -> None:
    source = music(TECHNO)
    short = source._replace(name="short", samples=source.samples[:, : 13 * RATE].copy())
    family = align([source, music(HOUSE), short], bars=8)
    assert not any(made.problem for made in family.members)
    assert "its 4 bars play 2 times" in family.members[2].facts
    half = family.length // 2
    loop = family.members[2].samples
    assert np.abs(loop[:, :half] - loop[:, half : 2 * half]).max() < 1e-6


def test_one_member_and_sixty() -> None:
    short = music(TECHNO)._replace(samples=music(TECHNO).samples[:, : 12 * RATE].copy())
    for count in (1, 60):
        family = align([short._replace(name=str(number)) for number in range(count)])
        assert len(family.members) == count
        assert not any(made.problem for made in family.members)
        check_form(family)


def test_without_a_beat_all_get_one_length() -> None:
    pair = [Member("a", noise(20), RATE), Member("b", noise(12, channels=1), RATE)]
    family = align(pair, bars=8)
    assert (family.bars, family.bpm) == (0, 0.0)
    check_form(family)
    assert 8 * RATE < family.length < 12 * RATE
    for made in family.members:
        assert step_of_seam(made.samples) < 1


@pytest.mark.parametrize("loudness", [None, -14.0, -23.0])
def test_all_are_equally_loud_below_the_ceiling(loudness: float | None) -> None:
    family = align([music(TECHNO), music("calm piano ballad 60 bpm")], loudness=loudness)
    levels = [level_of(made.samples, family.sample_rate) for made in family.members]
    if loudness is not None:
        assert [level.loudness for level in levels] == pytest.approx([loudness] * 2, abs=0.1)
    assert abs(levels[0].loudness - levels[1].loudness) < 0.1
    assert max(level.true_peak for level in levels) <= -1.0


def test_no_source_is_changed() -> None:
    source = music(TECHNO)
    before = source.samples.copy()
    align([source, music(HOUSE)], loudness=-14.0)
    assert np.array_equal(source.samples, before)


@pytest.mark.parametrize(
    ("count", "wish", "sentence"),
    [
        (0, {}, "0 members"),
        (201, {}, "201 members"),
        (1, {"bars": 1}, "bars is 1"),
        (1, {"bars": 2000}, "bars is 2000"),
        (1, {"tempo": 1000.0}, "The tempo is 1000 bpm"),
        (1, {"loudness": 5.0}, "The loudness is 5 LUFS"),
        (1, {"ceiling": 3.0}, "The true peak is 3 dBTP"),
    ],
)
def test_a_bad_wish_is_named(count: int, wish: dict, sentence: str) -> None:
    with pytest.raises(MediaError, match=sentence):
        align([Member("x", np.zeros((1, RATE), np.float32), RATE)] * count, **wish)


def test_the_work_can_be_stopped() -> None:
    stop = Stop()
    stop.set()
    with pytest.raises(Stopped):
        stop.run(lambda: align([music(TECHNO)]))
