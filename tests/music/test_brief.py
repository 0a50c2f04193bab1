"""Words of a music brief: the table, its rules, and the form of a clip."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from ...music.brief import NUMBERS, PARTS, TABLE, WORDS, brief, form, read_table, words_for

CALM = dict.fromkeys(NUMBERS, 0.0) | {"seconds": 30.0, "rhythm": "no cuts", "light": "day"}


def test_every_part_of_the_table_ends_with_a_line_that_always_holds():
    rules = read_table()
    for part in PARTS:
        assert [rule for rule in rules if rule.part == part][-1].conditions == ()


def test_every_line_of_the_table_can_give_its_words():
    edges = {
        name: sorted(
            {-100.0, 0.0, 100.0}
            | {
                number + step
                for rule in read_table()
                for measure, how, number in rule.conditions
                if measure == name and how != "is" and isinstance(number, float)
                for step in (-1.0, 1.0)
            }
        )
        for name in NUMBERS
    }
    for part in PARTS:
        rules = [rule for rule in read_table() if rule.part == part]
        names = sorted({name for rule in rules for name, _, _ in rule.conditions})
        values = [WORDS.get(name, edges.get(name, ())) for name in names]
        seen = {
            words_for(part, CALM | dict(zip(names, chosen, strict=True)), rules)
            for chosen in itertools.product(*values)
        }
        assert {rule.words for rule in rules} == seen


def test_a_fast_neon_clip_and_a_still_day_have_other_words():
    neon = brief(CALM | {"light": "neon", "cuts": 45.0, "motion": 50.0}, [], [50.0] * 30)
    day = brief(CALM | {"brightness": 80.0}, [], [0.0] * 30)
    assert "synthesizers" in neon
    assert "fast tempo" in neon
    assert "serene" in day
    assert "very slow tempo" in day


def test_the_wish_comes_first_and_a_voice_gets_room():
    words = brief(CALM | {"speech": 60.0}, [], [0.0] * 30, wish="A solo cello. ")
    assert words.startswith("A solo cello. Instrumental music for a film of 30 seconds: ")
    assert "room for a speaking voice" in words


def test_the_form_has_the_seconds_of_the_strongest_turns():
    cuts = [(8.0, 0.9), (8.5, 0.2), (20.0, 0.8), (20.4, 0.1), (29.0, 1.0)]
    energy = [2.0] * 8 + [60.0] * 12 + [2.0] * 10
    assert form(30.0, cuts, energy) == "form: calm opening, intense from 0:08, calm from 0:20"
    assert form(30.0, [], energy) == ""


@pytest.mark.parametrize(
    "line",
    ["mood | always", "smell | always | sweet", "mood | light is bright | x", "mood | cuts > 3 | x",
     "mood | cuts above many | x", "mood | cuts above nan | x"],
)  # fmt: skip
def test_a_line_that_is_wrong_is_named(tmp_path: Path, line: str):
    table = tmp_path / "table.txt"
    table.write_text(f"# words\n{line}\n")
    with pytest.raises(ValueError, match="Line 2 of"):
        read_table(table)


def test_the_table_names_every_measure_in_its_head():
    head = [line for line in TABLE.read_text("utf-8").splitlines() if line.startswith("#")]
    named = {line.split()[1] for line in head if line.startswith("#   ")}
    assert named == {*NUMBERS, *WORDS}
