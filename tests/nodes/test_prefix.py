"""Names of saved files that every system takes."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType

import pytest

from ...api.base.errors import InputError

OUTPUT = Path("/data/output")
NOW = time.struct_time((2026, 3, 4, 5, 6, 7, 0, 0, 0))
VALUES = {"take": "2", "job_id": "job_1", "title": "AC/DC"}


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("audio/song", "audio/song"),
        ("%date:yyyy-MM-dd%/t", "2026-03-04/t"),
        ("%date:yy-M-d hh.mm.ss%", "26-3-4 05.06.07"),
        ("%date:hh:mm%", "05_06"),
        ("%date:yyyy/MM%/t", "2026_03/t"),
        ("%take%_%job_id%_%title%", "2_job_1_AC_DC"),
        ('a<b>c:d"e|f?g*h', "a_b_c_d_e_f_g_h"),
        ("con/a", "con_/a"),
        ("LPT1.x", "LPT1_.x"),
        ("aux .b/c", "aux_.b/c"),
        ("a. . /b. ", "a/b"),
        ("", "AIgateway"),
        ("audio/", "audio/AIgateway"),
        (" . ", "AIgateway"),
        (".hidden", "_hidden"),
        ("-rf", "_rf"),
        ("a\\b", "a/b"),
        ("a/../b", "b"),
        ("a\0b\x1b\ud83d", "a_b__"),
        ("a\nb\tc", "a_b_c"),
        ("song\u202e3pm.exe", "song3pm.exe"),
        ("\u200bsong", "song"),
        ("cafe\u0301", "caf\u00e9"),
        ("x" * 300, "x" * 240),
        ("夜" * 100, "夜" * 80),
        ("/data/output/audio/song", "audio/song"),
    ],
)
def test_a_prefix_is_made_safe(nodes: ModuleType, prefix: str, expected: str) -> None:
    from ...nodes.prefix import safe_prefix

    assert safe_prefix(prefix, VALUES, NOW, OUTPUT) == expected


@pytest.mark.parametrize(
    "prefix", ["../x", "..\\x", "a/../../x", "/etc/x", "C:\\x", "a/..", 5, None]
)
def test_a_prefix_that_is_no_place_in_the_output_folder(nodes: ModuleType, prefix: object) -> None:
    from ...nodes.prefix import safe_prefix

    with pytest.raises(InputError, match="filename_prefix"):
        safe_prefix(prefix, VALUES, NOW, OUTPUT)
