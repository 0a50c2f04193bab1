"""A film is scored in ComfyUI without a word typed, and its cuts lie on beats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from ...music.hits import ON_BEAT
from ...music.track import read_track
from ..video.make import sound_of
from ..video.test_cuts import scene, still
from .client import Browser
from .test_running import succeeded
from .test_video import SCORE, Nodes, prompt_of, saved, text_of

pytestmark = pytest.mark.xdist_group("comfyui")

SECONDS, CUTS, FPS = 45, 9, 24


def film(path: Path, seed: int) -> list[float]:
    """Write a film of SECONDS with CUTS cuts; returns their times in seconds."""
    shots = np.exp(np.random.default_rng(seed).normal(0, 0.45, CUTS + 1)).clip(0.4, 2.5)
    ends = np.rint(np.cumsum(shots) / shots.sum() * SECONDS * FPS).astype(int)
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 192, 108, "yuv420p"
        for number, count in enumerate(np.diff(ends, prepend=0)):
            (picture,) = still(scene(100 * seed + number), 1)
            pixels = np.rint(picture * 255).astype(np.uint8)
            for _ in range(count):
                output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(stream.encode(None))
    return [float(end) / FPS for end in ends[:-1]]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_cuts_of_a_film_lie_on_beats_without_a_word_typed(
    browser: Browser, tmp_path: Path, seed: int
):
    info: Any = await browser.node_info()
    cuts = film(tmp_path / f"film-{seed}.mp4", seed)
    await browser.upload(f"film-{seed}.mp4", (tmp_path / f"film-{seed}.mp4").read_bytes())
    cut = ["words", 1]
    length = {"picture": ["clip", 0], "tail": 4.0, "hits": cut, "words": ["words", 0]}
    request = {"prompt": ["length", 8], "duration": ["length", 0], "format": "wav"}
    fitted = {"audio": ["load", 0], "picture": ["clip", 0], "tempo": ["length", 4], "hits": cut}
    nodes: Nodes = {
        **SCORE,
        "clip": ("LoadVideo", {"file": f"film-{seed}.mp4"}),
        "words": ("AIGatewayDescribeClip", {"video": ["clip", 0]}),
        "length": ("AIGatewayMusicLength", length),
        "ask": ("AIGatewayPromptToMusic", request),
        "fit": ("AIGatewayFitMusic", fitted),
    }
    outcome = succeeded(await browser.run(prompt_of(nodes, info)))
    (made,) = await saved(browser, outcome, "save", tmp_path)
    tempo = float(await text_of(browser, nodes, "length", 4, info))
    samples, rate = sound_of(made)
    assert samples.shape[-1] / rate == pytest.approx(SECONDS, abs=0.05)
    beats = read_track(np.ascontiguousarray(samples, np.float32), rate, tempo).beats.times
    errors = [float(beats[np.abs(beats - cut).argmin()] - cut) for cut in cuts]
    print(f"{tempo:.0f} bpm:", *(f"{1000 * error:+.0f}" for error in errors), "ms")
    assert len(errors) == CUTS
    assert np.mean(np.abs(errors) <= ON_BEAT) >= 0.7, errors
