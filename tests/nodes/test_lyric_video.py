"""The template Lyric Video with its own values: a song of the sandbox, and a video of its words."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import av
import numpy as np
import pytest

from ...api.base.request import DEFAULT_MODEL
from ...music.timed_words import parse_words
from ...sandbox.job_book import SketchRequest
from ...sandbox.server import Sandbox
from ...sandbox.transcription import sung_words
from ...scripts.lib import pack
from .test_nodes import Node, load, run, submit

TEMPLATE = pack.ROOT / "example_workflows" / "Lyric Video.json"


@pytest.mark.slow
@pytest.mark.usefixtures("host_with_videos")
async def test_the_words_that_are_sung_are_seen_at_their_times(
    node: Node, sandbox: Sandbox
) -> None:
    canvas = json.loads(TEMPLATE.read_text("utf-8"))
    values = {each["type"]: each["widgets_values"] for each in canvas["nodes"]}
    (lyrics,) = values["PrimitiveStringMultiline"]
    prompt, seconds = values["AIGatewayPromptToMusic"][:2]
    job, _ = await submit(node, prompt, duration=float(seconds), lyrics=lyrics)
    url, *_ = await run(node, "PollJob", job=job)
    audio, *_ = await load(node, url)
    method = values["AIGatewayTimedLyrics"][1]
    _, _, words, report = await run(node, "TimedLyrics", audio=audio, lyrics=lyrics, method=method)
    assert "in 4 of 4 lines" in report
    fps, _, _, look, title = values["AIGatewayVisualize"]
    how = {"fps": float(fps), "width": 320, "height": 180, "look": look, "title": title}
    video, _ = await run(node, "Visualize", audio=audio, lyrics=words, **how)
    # The sandbox knows the times, and told them with noise.
    (key,) = (each["key"] for each in sandbox.bill()["jobs"])
    asked = SketchRequest(prompt, float(seconds), lyrics, "wav", DEFAULT_MODEL, key)
    known = sung_words(asked, lyrics)
    found = parse_words(words)
    assert len(found) == len(known)
    errors = [abs(a.start - b.start) for a, b in zip(found, known, strict=True)]
    assert statistics.median(errors) <= 0.1
    frames = frames_of(Path(video.get_stream_source()))
    assert len(frames) == round(seconds * fps)
    # A thin letter is narrower than the pixels of chroma, and a line fades where the next begins.
    wide = [word for word in found if len(word.word) > 3]
    marked = [is_marked(frames[int(fps * (word.start + word.end) / 2)]) for word in wide]
    assert len(wide) >= 12
    assert sum(marked) >= 0.8 * len(wide)
    assert not is_marked(frames[0])


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def is_marked(frame: np.ndarray) -> bool:
    red, green, blue = (frame[100:, :, index].astype(int) for index in range(3))
    return int(((red > 170) & (green > 130) & (red - blue > 70)).sum()) >= 5
