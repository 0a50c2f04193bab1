"""The picture of an example shows what its files hold."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from ...scripts.lib import pack
from ..comfyui import example_card

pytestmark = pytest.mark.slow

CLIP = pack.ROOT / "example_workflows" / "clip.mp4"
RATE = 8000


def sound(path: Path, *loudness: float) -> Path:
    """A file of noise; each of its equal parts has a loudness."""
    noise = np.random.default_rng(1).uniform(-1, 1, (len(loudness), RATE * 2))
    soundfile.write(path, (noise * np.array(loudness)[:, None]).ravel(), RATE)
    return path


def drawn(title: str, words: str, *files: Path) -> np.ndarray:
    """The pixels [height, width, 3] of a picture."""
    card = example_card.draw(title, words, files)
    with Image.open(io.BytesIO(card)) as image:
        assert (image.format, image.size) == ("JPEG", example_card.SIZE)
        return np.asarray(image, float)


def bars(pixels: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """Which pixels above the title have a colour, as nearly as a JPEG keeps it."""
    return np.abs(pixels[: example_card.WRITING] - np.array(color)).max(axis=2) < 40


def test_the_bars_are_as_long_as_the_sound_is_loud(tmp_path: Path):
    pixels = drawn("A Title", "words", sound(tmp_path / "a.wav", 0.9, 0.1, 0.45))
    heights = bars(pixels, example_card.SOUNDS[0]).sum(axis=0)
    inner = heights[example_card.MARGIN : -example_card.MARGIN]
    lengths = inner.reshape(example_card.BARS, -1).max(axis=1)
    left, middle, right = (np.median(part) for part in np.array_split(lengths, 3))
    assert left > 200
    assert middle / left == pytest.approx(1 / 9, abs=0.02)
    assert right / left == pytest.approx(1 / 2, abs=0.02)


def test_each_of_four_sounds_has_a_row_and_a_fifth_has_none(tmp_path: Path):
    files = [sound(tmp_path / f"{number}.wav", 0.5) for number in range(5)]
    pixels = drawn("A Title", "words", *files)
    # The edge of a bar has the colours of others.
    wide = example_card.BARS * 2
    rows = [np.flatnonzero(bars(pixels, c).sum(axis=1) > wide) for c in example_card.SOUNDS]
    assert all(above.max() < below.min() for above, below in itertools.pairwise(rows))
    assert rows[-1].max() > example_card.SOUND - 20


def test_a_video_shows_a_frame_of_its_own(tmp_path: Path):
    with_clip = drawn("A Title", "words", CLIP)
    frame = example_card.picture_of(CLIP)
    assert frame is not None
    upper = with_clip[: example_card.FRAME - 10]
    assert np.abs(upper.mean(axis=(0, 1)) - np.asarray(frame, float).mean(axis=(0, 1))).max() < 30
    without = drawn("A Title", "words", sound(tmp_path / "a.wav", 0.5))
    assert np.abs(upper - without[: example_card.FRAME - 10]).mean() > 30


@pytest.mark.parametrize(
    "words", ["", "one", "a longer text " * 30, "first line\nsecond\nthird\nfourth\nfifth"]
)
def test_words_stay_above_the_facts(tmp_path: Path, words: str):
    file = sound(tmp_path / "a.wav", 0.5)
    empty, written = drawn("A Title", "", file), drawn("A Title", words, file)
    changed = (np.abs(empty - written).max(axis=2) > 40).any(axis=1).nonzero()[0]
    assert bool(len(changed)) == bool(words)
    assert all(example_card.WRITING < row < 540 for row in changed)
