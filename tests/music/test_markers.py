"""Markers as files that editors of video read."""

from __future__ import annotations

import csv
import io
import json
import re
from fractions import Fraction

import pytest

from ...audio.arrays import MediaError
from ...music.fit import fit
from ...music.hits import read_hits
from ...music.markers import files_of, markers_of, read_markers
from .pieces import piece

RATES = [Fraction(24), Fraction(30000, 1001), Fraction(25)]


def markers(fps: Fraction = Fraction(24)) -> str:
    made = piece("techno 128 bpm")
    hits = read_hits("[4.0, 9.5, 20.25]", None, 30.0)
    return markers_of(fit(made.samples, made.rate, 30 * made.rate, tempo=128.0, hits=hits), fps)


def test_markers_name_hits_bars_beats_and_joins() -> None:
    found = read_markers(markers())
    kinds = {marker.kind for marker in found.markers}
    assert {"hit", "bar", "beat"} <= kinds
    times = [marker.seconds for marker in found.markers]
    assert times == sorted(times)
    assert [m.seconds for m in found.markers if m.kind == "hit"] == [4.0, 9.5, 20.25]
    assert found.seconds == 30.0


@pytest.mark.parametrize("fps", RATES)
def test_an_edl_has_one_event_a_frame_from_one_hour_on(fps: Fraction) -> None:
    text = files_of(read_markers(markers(fps)), "film")[".edl"]
    assert text.startswith("TITLE: film\nFCM: NON-DROP FRAME\n\n")
    events = re.findall(
        r"^(\d{3})  001      V     C        (01:00:\d\d:\d\d) (\S+) \2 \3  \n"
        r" \|C:ResolveColor(\w+) \|M:(.+) \|D:1\n\* LOC: \2 (\w+) +(.+)\n$",
        text,
        re.MULTILINE,
    )
    assert len(events) == text.count("|M:") > 40
    assert [int(number) for number, *_ in events] == list(range(1, len(events) + 1))
    assert len({start for _, start, *_ in events}) == len(events)
    base = -(-fps.numerator // fps.denominator)
    frame = round(Fraction(9.5) * fps)
    start = f"01:00:{frame // base:02}:{frame % base:02}"
    (hit,) = [event for event in events if event[1] == start]
    assert hit[3:] == ("Red", "Hit 2", "RED", "Hit 2")


def test_a_table_has_a_row_for_each_marker() -> None:
    found = read_markers(markers())
    rows = list(csv.DictReader(io.StringIO(files_of(found, "film")[".markers.csv"])))
    assert len(rows) == len(found.markers)
    (row,) = [row for row in rows if row["name"] == "Hit 1"]
    assert (row["seconds"], row["frame"]) == ("4.0000", "96")
    assert (row["timecode"], row["kind"]) == ("01:00:04:00", "hit")


def test_chapters_cover_the_whole_and_ffmpeg_reads_them(tmp_path) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "chapters.ffmetadata"
    path.write_text(files_of(read_markers(markers()), "film")[".ffmetadata"])
    with av.open(str(path), format="ffmetadata") as container:
        chapters = container.chapters()
    spans = [
        (float(c["start"] * c["time_base"]), float(c["end"] * c["time_base"])) for c in chapters
    ]
    assert spans == [(0, 4.0), (4.0, 9.5), (9.5, 20.25), (20.25, 30.0)]
    assert [c["metadata"]["title"] for c in chapters] == ["Start", "Hit 1", "Hit 2", "Hit 3"]


def entry(**changes: object) -> str:
    marker = {"time": 1.0, "kind": "hit", "name": "a|b\nc=d;e#f"}
    whole = {"seconds": 2.0, "fps": "24", "markers": [{**marker, **changes}]}
    return json.dumps({**whole, **{key: changes[key] for key in whole.keys() & changes.keys()}})


def test_a_name_is_one_line_in_every_file() -> None:
    files = files_of(read_markers(entry()), "film")
    assert " |M:a/b c=d;e#f |D:1\n" in files[".edl"]
    assert "title=a/b c\\=d\\;e\\#f\n" in files[".ffmetadata"]


NO_MARKERS = [
    *("no JSON", "[]", "{}", "[" * 100_000),
    *(entry(time=time) for time in ("x", float("nan"), -1.0, None)),
    *(entry(kind="frame"), entry(fps="0"), entry(fps="1/0"), entry(seconds=-2.0)),
]


@pytest.mark.parametrize("text", NO_MARKERS, ids=lambda text: text[:60])
def test_other_text_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(MediaError, match="output") as raised:
        read_markers(text)
    assert "\n" not in str(raised.value)
