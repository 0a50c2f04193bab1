"""The examples in the docstrings of the product run."""

from __future__ import annotations

import doctest
import importlib

import pytest

from ..scripts import house

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
MODULES = [
    house.module_name(file)
    for file in house.python_files("api", "audio", "music", "video", "files")
    if "    >>> " in file.read_text(encoding="utf-8")
]
ENTRIES = {
    "api.base.request": "a request",
    "api.settings": "the settings",
    "audio.decode": "a file becomes AUDIO",
    "audio.encode": "AUDIO becomes a file",
    "audio.validate": "any AUDIO becomes one form",
    "music.fit": "music as long as a picture",
    "music.loudness": "the loudness",
    "video.visualize": "music becomes a video",
}
"""The modules through which the rest of the pack enters a folder."""


def test_every_entry_has_an_example() -> None:
    assert ENTRIES.keys() <= set(MODULES)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_say_what_happens(name: str) -> None:
    module = importlib.import_module(f"..{name}", __package__)
    result = doctest.testmod(module, optionflags=FLAGS)
    assert result.attempted
    assert not result.failed
