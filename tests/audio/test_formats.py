"""The formats: every one has its qualities, and they cost no import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ...audio.formats import DEFAULT_QUALITY, QUALITIES, Format

PACK = Path(__file__).resolve().parents[2] / "scripts" / "lib" / "pack.py"


def test_every_format_has_qualities_and_a_default_among_them() -> None:
    assert list(QUALITIES) == list(DEFAULT_QUALITY) == list(Format)
    assert all(DEFAULT_QUALITY[format] in QUALITIES[format] for format in Format)


def test_formats_load_neither_torch_nor_a_codec() -> None:
    code = (
        "import importlib, runpy, sys\n"
        f"root = runpy.run_path({str(PACK)!r})['load']().__name__\n"
        "importlib.import_module(root + '.audio.formats')\n"
        "print({'torch', 'numpy', 'av', 'soundfile', 'soxr'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
