"""No call of a library outlasts a stop by more than a block: looks for each piece of the audio."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ...audio.decode import decode
from ...audio.draw import draw_file
from ...audio.encode import encode
from ...audio.formats import DEFAULT_QUALITY, Encoding, Format
from ...audio.retag import retag
from ...audio.samples.origin import remember
from ...audio.samples.resample import resample
from ...audio.stopping import Stop
from ...audio.validate import check
from ...music.fit import fit
from ...music.loop import make_loop
from ...music.loudness import integrated_loudness
from ...music.mastering import master
from ...music.peaks import true_peak
from ...music.track import read_track
from ...video.length import picture_length
from ...video.soundtrack import add_soundtrack
from ...video.still import still
from ...video.visualize import visualize
from ..audio import make
from .make import make_clip, tone

pytestmark = pytest.mark.slow

RATE = 48000
SECONDS = 60.0
LONGEST_BLOCK = 10.0
"""Seconds of audio from look to look."""


class Counter(Stop):
    count = 0

    def look(self) -> None:
        self.count += 1


def looks_of(work: Callable[[], object]) -> int:
    counter = Counter()
    counter.run(work)
    return counter.count


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return make.music(SECONDS, sample_rate=RATE)


MEASURES: dict[str, Callable[[np.ndarray], object]] = {
    "check": lambda samples: check({"waveform": torch.from_numpy(samples), "sample_rate": RATE}),
    "resample": lambda samples: resample(torch.from_numpy(samples), RATE, 44100),
    "origin": lambda samples: remember(torch.from_numpy(samples), Path(__file__), RATE),
    "loudness": lambda samples: integrated_loudness(samples, RATE),
    "true peak": lambda samples: true_peak(samples, RATE),
    "master": lambda samples: master(samples, RATE, np.empty_like(samples), loudness=-14.0),
    "limit": lambda samples: master(samples, RATE, np.empty_like(samples), ceiling=-20.0),
    "beats": lambda samples: read_track(samples, RATE),
    "loop": lambda samples: make_loop(read_track(samples, RATE), 8.0),
    "cut": lambda samples: fit(samples, RATE, 40 * RATE, method="cut"),
    "repeat": lambda samples: fit(samples, RATE, 90 * RATE, method="loop"),
    "stretch": lambda samples: fit(samples, RATE, 58 * RATE, method="stretch"),
    "still": lambda samples: still(samples, RATE),
}


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_looks_often(name: str, samples: np.ndarray) -> None:
    assert looks_of(lambda: MEASURES[name](samples)) >= SECONDS / LONGEST_BLOCK


@pytest.mark.parametrize("format", list(Format))
def test_encoding_tagging_drawing_and_decoding_look_often(
    format: Format, samples: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / f"sound.{format.value}"
    encoding = Encoding(format, DEFAULT_QUALITY[format])
    least = SECONDS / LONGEST_BLOCK
    assert looks_of(lambda: encode(torch.from_numpy(samples), RATE, path, encoding)) >= least
    content = path.read_bytes()
    assert looks_of(lambda: decode(io.BytesIO(content))) >= least
    drawing = {"max_minutes": 5.0, "width": 300, "height": 100}
    assert looks_of(lambda: draw_file(io.BytesIO(content), **drawing)) >= least
    copy = tmp_path / f"copy.{format.value}"
    # A copy is as quick as the disk: a look a megabyte.
    assert looks_of(lambda: retag(content, copy, {"title": "x"})) >= len(content) // (1 << 20)


def test_a_drawn_video_looks_at_each_frame(samples: np.ndarray, tmp_path: Path) -> None:
    target = tmp_path / "music.mp4"
    looks = looks_of(lambda: visualize(samples, RATE, target, fps=2, width=64, height=64))
    assert looks >= 2 * SECONDS


@pytest.mark.parametrize("mix", ["replace", "under", "duck"])
def test_a_clip_looks_at_each_packet(mix: str, samples: np.ndarray, tmp_path: Path) -> None:
    frames = round(2 * SECONDS)
    clip = make_clip(tmp_path / "clip.mp4", frames, 2, sound=tone(SECONDS, 440))
    assert looks_of(lambda: picture_length(clip)) >= frames
    target = tmp_path / "made.mp4"
    assert looks_of(lambda: add_soundtrack(clip, target, samples, RATE, mix=mix)) >= 2 * frames
