"""Cuts of clips that are drawn for this: `python3 benchmarks/run.py cuts [--peer PYTHON]`.

PYTHON has the package scenedetect-headless, in an environment of its own: it finds the cuts of the
same clips beside ours. F is the harmonic mean of precision and recall. A hard cut counts if its
frame is right, a dissolve if the time is within it. Rows show 1 - F: smaller is better.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from ..video.clip import open_picture
from ..video.cuts import CutFinder
from ..video.small_frames import small_frames
from .cut_clips import Clip, Turn, make_clips
from .report import Row, arguments, compare, report

_LATE = 0.1
"""Seconds by which a dissolve's cut may lie outside of it."""
_ROUNDS = 3

_PEER = """
import json, sys
import scenedetect as s
out = {}
for path in sys.argv[1:]:
    for name in ("AdaptiveDetector", "ContentDetector"):
        scenes = s.detect(path, getattr(s, name)())
        out.setdefault(name, {})[path] = [scene[0].seconds for scene in scenes[1:]]
print(json.dumps(out))
"""


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--seed", type=int, default=2, help="which clips are drawn")
    parser.add_argument("--peer", metavar="PYTHON", help="a Python with scenedetect-headless")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clips = make_clips(Path(folder), options.seed, 2 if options.small else 32)
        rows = _found(clips, options.peer)
        report(rows)
        rows += _times(Path(folder), 30 if options.small else 600)
    report(rows, options.json)
    return 0


def _found(clips: Sequence[Clip], peer: str | None) -> list[Row]:
    ours = {str(clip.path): _ours(clip.path) for clip in clips}
    peers = _peers(peer, list(ours)) if peer else {}
    hard, gradual = _misses(clips, ours)
    count = sum(len(clip.hard) for clip in clips), sum(len(clip.gradual) for clip in clips)
    rows = [
        compare(f"{count[0]} hard cuts, {len(clips)} clips: 1 - F, bound 0.03", hard, 0.03, 1.0),
        compare(f"{count[1]} dissolves and dips: 1 - F, bound 0.2", gradual, 0.2, 1.0),
    ]
    for name, found in peers.items():
        theirs = _misses(clips, found)
        rows.append(compare(f"hard cuts: 1 - F; peer scenedetect {name}", hard, theirs[0]))
        rows.append(compare(f"dissolves: 1 - F; peer scenedetect {name}", gradual, theirs[1]))
    return rows


def _ours(path: Path) -> list[float]:
    finder = CutFinder()
    with open_picture(path) as container:
        for frame in small_frames(container):
            finder.add(frame)
    return [cut.time for cut in finder.cuts()]


def _peers(python: str, paths: list[str]) -> dict[str, dict[str, list[float]]]:
    done = subprocess.run([python, "-c", _PEER, *paths], capture_output=True, check=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _misses(clips: Sequence[Clip], found: dict[str, list[float]]) -> tuple[float, float]:
    """1 - F of hard cuts, and of dissolves and dips to black.

    A time that belongs to no turn counts as a false one of the kind that the clip has more of.
    """
    counts = {True: np.zeros(3), False: np.zeros(3)}
    for clip in clips:
        rest = list(found[str(clip.path)])
        for is_hard, turns in ((True, clip.hard), (False, clip.gradual)):
            late = float(0.6 / clip.fps) if is_hard else _LATE
            hits = sum(_take(rest, turn, late) for turn in turns)
            counts[is_hard] += (hits, len(turns), hits)
        counts[len(clip.hard) >= len(clip.gradual)][2] += len(rest)
    hard, gradual = (
        float(1 - 2 * hits / (turns + named)) for hits, turns, named in counts.values()
    )
    return hard, gradual


def _take(times: list[float], turn: Turn, late: float) -> bool:
    near = [time for time in times if turn.begin - late <= time <= turn.end + late]
    if near:
        times.remove(near[0])
    return bool(near)


# Time beside the decoder alone


def _times(folder: Path, frames: int) -> list[Row]:
    if not shutil.which("ffmpeg"):
        return []
    clip = folder / "large.mp4"
    _make_large(clip, frames)
    command = ["ffmpeg", "-v", "error", "-i", str(clip), "-map", "0:v", "-f", "null", "-"]
    turns = [
        (_seconds(lambda: _ours(clip)), _seconds(lambda: subprocess.run(command, check=True)))
        for _ in range(_ROUNDS)
    ]
    ours, peer = (min(times) for times in zip(*turns, strict=True))
    name = f"{frames} frames of 1080p: CPU seconds; peer ffmpeg's decoder"
    return [compare(name, ours, peer, 1.15)]


def _seconds(work: Callable[[], Any]) -> float:
    """CPU seconds of this process and its children: other programs do not count."""
    before = _cpu()
    work()
    return _cpu() - before


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _make_large(path: Path, frames: int) -> None:
    """1080p with a camera that moves, and grain, at some Mbit/s."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 255, (54, 96, 3), np.uint8)
    backdrop = np.kron(blocks, np.ones((40, 40, 1), np.uint8))
    grain = rng.integers(0, 16, (1080, 1920, 1), np.uint8)
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
        for number in range(frames):
            view = backdrop[number : number + 1080, 2 * number : 2 * number + 1920]
            noise = np.roll(grain, number * 7919, axis=(0, 1))
            pixels = ((view >> 1) + noise + 40).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
