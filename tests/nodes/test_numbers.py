"""Every number that a link brings to a node: used, or refused in one sentence that names it."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from ...api.base.errors import GatewayError, InputError
from ...audio.arrays import MediaError
from ...sandbox.server import Sandbox
from ..videos import VideoFromFile as Video
from .test_music_nodes import clip
from .test_nodes import Node, run, submit

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("host_with_videos")]

AUDIO = {"waveform": torch.rand(1, 2, 132_300) * 0.2 - 0.1, "sample_rate": 44_100}
GOOD: dict[str, dict[str, Any]] = {
    "PromptToMusic": {"prompt": "piano", "duration": 5.0},
    "PollJob": {},
    "LoadAudioURL": {},
    "SaveAudio": {"audio": AUDIO, "filename_prefix": "x", "format": {"format": "flac"}},
    "MusicLength": {"frames": 48, "fps": 24.0},
    "FitMusic": {"audio": AUDIO, "seconds": 2.0},
    "AddSoundtrack": {"audio": AUDIO},
    "Beats": {"audio": AUDIO, "frames": 24, "fps": 24.0},
    "Visualize": {"audio": AUDIO, "width": 64, "height": 64, "fps": 5.0},
    "MakeLoop": {"audio": AUDIO},
    "AlignFamily": {"audio": AUDIO},
    "Layers": {"audio": AUDIO},
    "Stinger": {"audio": AUDIO},
    "Takes": {"prompt": "piano", "duration": 5.0, "count": 1},
    "CueSheet": {},
    "ReadReceipt": {},
    "Shots": {"audio": AUDIO},
    "TimedLyrics": {"audio": AUDIO, "lyrics": "one two"},
    "DescribeClip": {"images": torch.zeros(2, 4, 4, 3), "fps": 24.0},
}
VALUES: dict[str, Any] = {
    "NaN": float("nan"),
    "infinity": float("inf"),
    "negative infinity": float("-inf"),
    "negative": -7,
    "a fraction": -0.5,
    "huge": 10**18,
    "huge and negative": -1e300,
    "larger than a float": 10**400,
    "true": True,
    "text": "fast",
    "digits": "x1",
    "nothing": None,
    "a list": [1.0],
    "complex": 1j,
    "a tensor": torch.zeros(2),
}
NEVER = ("NaN", "infinity", "negative infinity", "larger than a float", "true", "text", "digits")
NEVER += ("nothing", "a list", "complex", "a tensor")


def numbers(node: Node) -> Iterator[tuple[str, str]]:
    for name, kind in node.items():
        info = kind.GET_NODE_INFO_V1()
        given = {**info["input"].get("required", {}), **info["input"].get("optional", {})}
        for key, (type_of, *_) in given.items():
            if type_of in ("INT", "FLOAT"):
                yield name.removeprefix("AIGateway"), key


async def test_each_node_is_in_the_table(node: Node) -> None:
    assert {f"AIGateway{name}" for name in GOOD} == set(node)
    assert len(list(numbers(node))) > 30


@pytest.mark.parametrize("value", VALUES)
async def test_a_number_is_used_or_refused_in_one_sentence(
    value: str,
    node: Node,
    sandbox: Sandbox,
    tmp_path: Path,
) -> None:
    video = Video(clip(tmp_path / "clip.mp4", 24, Fraction(24), sound=True))
    job, _ = await submit(node)
    bought = len(sandbox.bill()["jobs"])
    raw: list[str] = []
    for name, key in numbers(node):
        inputs = {**GOOD[name], key: VALUES[value]}
        inputs |= {"PollJob": {"job": job}, "AddSoundtrack": {"video": video}}.get(name, {})
        try:
            await run(node, name, **inputs)
        except (InputError, MediaError, GatewayError) as error:
            sentence = str(error)
            is_named = key.split("_")[0] in sentence or value not in NEVER
            if "\n" in sentence or len(sentence) > 300 or not is_named:
                raw.append(f"{name}.{key}: {sentence}")
        except Exception as error:
            raw.append(f"{name}.{key}: {type(error).__name__}: {error}")
        else:
            if value in NEVER:
                raw.append(f"{name}.{key}: is taken")
    assert not raw, "\n" + "\n".join(raw)
    if value in NEVER:
        assert len(sandbox.bill()["jobs"]) == bought
