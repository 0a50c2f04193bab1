"""Sound on video, and video of sound: `python3 benchmarks/run.py video [--minutes N]`.

AddSoundtrack runs beside ffmpeg's command line (`-c:v copy`, the same sound by the same encoder)
and beside core's route through frames (5 s of it, extrapolated: a minute of 1080p does not fit in
memory). Visualize runs beside the encoder alone on frames that are ready. Every run has a process
of its own; times are in seconds, memory is the peak in MiB above what was
there before, the input included.
"""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from ..music.timed_words import ROW_LETTERS, TimedWord, subtitles
from ..video.encoders import add_picture
from ..video.length import picture_length
from ..video.options import VideoStyle
from ..video.soundtrack import add_soundtrack
from ..video.sung_lines import row_letters
from ..video.visualize import visualize
from .report import Row, arguments, compare, report

RATE = 48000
FPS = 30

# What prepares a piece of work, and its arguments.
Work = tuple[Any, ...]


class Plan(NamedTuple):
    """Seconds of the clip and of what goes through frames; sizes in pixels; seconds drawn."""

    seconds: float
    core_seconds: int = 5
    clip: tuple[int, int] = 1920, 1080
    drawn: tuple[int, int] = 1280, 720
    drawn_seconds: int = 10


class Cost(NamedTuple):
    seconds: float
    memory: float


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args()
    plan = Plan(2, 1, (320, 180), (160, 90), 1) if options.small else Plan(options.minutes * 60)
    with tempfile.TemporaryDirectory() as folder:
        rows = _soundtrack(Path(folder), plan)
        report(rows)
        rows += _visualize(Path(folder), plan)
    report(rows, options.json)
    return 0


def _soundtrack(folder: Path, plan: Plan) -> list[Row]:
    seconds = plan.seconds
    clip, music, short = folder / "clip.mp4", folder / "music.npy", folder / "short.mp4"
    raw = folder / "music.f32"
    _make_clip(clip, seconds, plan.clip)
    samples = _music(seconds)
    np.save(music, samples)
    samples.T.tofile(raw)
    del samples
    size = f"{clip.stat().st_size / 2**20:.0f} MiB"
    works: list[Work] = [(_add, clip, music, folder / "ours.mp4")]
    if shutil.which("ffmpeg"):
        works.append((_ffmpeg, clip, raw, folder / "peer.mp4"))
    ours, *peers = _best(*works)
    rows = [
        compare(
            f"AddSoundtrack, {seconds:.0f} s of {plan.clip[1]}p ({size}): memory, bound 300",
            ours.memory,
            300,
            1.0,
        )
    ]
    for peer in peers:
        name = f"AddSoundtrack, {seconds:.0f} s: time; peer ffmpeg -c:v copy"
        rows.append(compare(name, ours.seconds, peer.seconds, 1.2))
    _make_clip(short, plan.core_seconds, plan.clip)
    core = _measured(_through_frames, short, folder / "core.mp4")
    share = seconds / plan.core_seconds
    name = "peer core's frames, extrapolated"
    rows.append(compare(f"AddSoundtrack: time; {name}", ours.seconds, core.seconds * share))
    rows.append(compare(f"AddSoundtrack: memory; {name}", ours.memory, core.memory * share))
    (counted,) = _best((_count, clip))
    rows.append(compare(f"picture_length, {seconds:.0f} s: time; bound 1", counted.seconds, 1.0))
    return rows


def _visualize(folder: Path, plan: Plan) -> list[Row]:
    rows, seconds = [], plan.drawn_seconds
    for look in VideoStyle:
        made, again = folder / "drawn.mp4", folder / "again.mp4"
        ours, peer = _best((_draw, look, made, *plan.drawn, seconds), (_encode_ready, made, again))
        name = f"Visualize {look.value}, {plan.drawn[1]}p, {seconds} s"
        beside = f"{name}: time; peer the encoder alone"
        rows.append(compare(beside, ours.seconds, peer.seconds, 1.3))
    made, again = folder / "drawn.mp4", folder / "again.mp4"
    work = (_draw, VideoStyle.WAVES, made, *plan.drawn, seconds, True)
    ours, peer = _best(work, (_encode_ready, made, again))
    name = f"Visualize with lyrics, {plan.drawn[1]}p, {seconds} s"
    beside = f"{name}: time; peer the encoder alone"
    rows.append(compare(beside, ours.seconds, peer.seconds, 1.4))
    brief = _measured(_draw, VideoStyle.WAVES, folder / "a.mp4", *plan.drawn, seconds)
    long = _measured(_draw, VideoStyle.WAVES, folder / "b.mp4", *plan.drawn, 6 * seconds)
    name = f"Visualize: memory of {6 * seconds} s; peer {seconds} s"
    rows.append(compare(name, long.memory, brief.memory, 1.2))
    return rows


def _count(clip: Path) -> Any:
    return lambda: picture_length(clip)


def _add(clip: Path, music: Path, made: Path) -> Any:
    samples = np.load(music)
    return lambda: add_soundtrack(clip, made, samples, RATE)


def _ffmpeg(clip: Path, raw: Path, made: Path) -> Any:
    command = ["ffmpeg", "-y", "-v", "error", "-i", str(clip), "-f", "f32le", "-ar", str(RATE)]
    command += ["-ac", "2", "-i", str(raw), "-map", "0:v", "-map", "1:a", "-c:v", "copy"]
    command += ["-c:a", "aac", "-b:a", "192k", str(made)]
    return lambda: subprocess.run(command, check=True)


def _through_frames(clip: Path, made: Path) -> Any:
    """Core's Get Video Components and Create Video: float32 frames, stacked, encoded anew."""

    def run() -> None:
        with av.open(str(clip)) as container:
            decoded = [
                frame.to_ndarray(format="rgb24").astype(np.float32) / 255
                for frame in container.decode(video=0)
            ]
        images = np.stack(decoded)
        with av.open(str(made), "w") as output:
            stream: Any = output.add_stream("libx264", rate=FPS)
            stream.height, stream.width = images.shape[1:3]
            stream.pix_fmt = "yuv420p"
            for image in images:
                pixels = (image * 255).astype(np.uint8)
                output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            output.mux(stream.encode(None))

    return run


def _draw(
    look: VideoStyle, made: Path, width: int, height: int, seconds: int, is_sung: bool = False
) -> Any:
    samples = _music(seconds)
    beats = np.arange(0, seconds, 0.5).tolist()
    # Two full rows, a word every 0.25 s: the most that is drawn.
    words = [
        TimedWord("letters", place / 4, place / 4 + 0.2, 1.0, place // 10)
        for place in range(4 * seconds * is_sung)
    ]
    lyrics = subtitles(words, min(ROW_LETTERS, row_letters(width, height)))
    return lambda: visualize(
        samples,
        RATE,
        made,
        style=look,
        fps=FPS,
        width=width,
        height=height,
        beats=beats,
        title="A title",
        lyrics=lyrics,
    )


def _encode_ready(drawn: Path, made: Path) -> Any:
    """The same encoder on the same frames, which are in memory already, without any sound."""
    with av.open(str(drawn)) as container:
        frames = list(container.decode(video=0))

    def run() -> None:
        with av.open(str(made), "w", format="mp4") as output:
            stream = add_picture(output, frames[0].width, frames[0].height, Fraction(FPS))
            for number, frame in enumerate(frames):
                # What the decoder noted of each frame's kind would steer the encoder.
                frame.pict_type = 0  # type: ignore[assignment]
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                output.mux(stream.encode(frame))
            output.mux(stream.encode(None))

    return run


def _make_clip(path: Path, seconds: float, size: tuple[int, int]) -> None:
    """Moving noise at a few Mbit/s: a second of it, repeated without encoding again."""
    one = path.with_suffix(".one.mp4")
    rng = np.random.default_rng(0)
    width, height = size
    noise = rng.integers(0, 255, (height + 120, width + 80, 3), np.uint8)
    with av.open(str(one), "w") as output:
        options = {"preset": "ultrafast", "crf": "36"}
        stream: Any = output.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number in range(FPS):
            pixels = np.ascontiguousarray(noise[number : number + height, number : number + width])
            pixels //= 4
            output.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        output.mux(stream.encode(None))
    with av.open(str(one)) as container, av.open(str(path), "w") as output:
        source = container.streams.video[0]
        copy = output.add_stream_from_template(source, opaque=True)
        packets = [
            (bytes(packet), packet.pts, packet.dts, packet.is_keyframe)
            for packet in container.demux(source)
            if packet.pts is not None and packet.dts is not None
        ]
        base = source.time_base or Fraction(1, 90_000)
        for turn in range(round(seconds)):
            moved = round(turn / base)
            for data, pts, dts, key in packets:
                packet = av.Packet(data)
                packet.stream, packet.time_base, packet.is_keyframe = copy, base, key
                packet.pts, packet.dts = pts + moved, dts + moved
                output.mux(packet)


def _music(seconds: float) -> np.ndarray:
    rng = np.random.default_rng(1)
    out = np.empty((2, round(seconds * RATE)), np.float32)
    for start in range(0, out.shape[1], RATE):
        piece = out[:, start : start + RATE]
        time_ = np.arange(start, start + piece.shape[1]) / RATE
        hit = np.exp(-(time_ % 0.5) * 12) * rng.standard_normal(time_.size)
        piece[:] = 0.2 * np.sin(2 * np.pi * 220 * time_) + 0.2 * hit
    return out


def _best(*works: Work) -> list[Cost]:
    """The least cost of each, measured in turns: the machine's speed drifts."""
    rounds = [[_measured(*work) for work in works] for _ in range(2)]
    return [
        Cost(min(cost.seconds for cost in costs), min(cost.memory for cost in costs))
        for costs in zip(*rounds, strict=True)
    ]


def _measured(prepare: Callable[..., Any], *arguments: Any) -> Cost:
    """What `prepare(*arguments)` gives is run, and only that is timed, in a process of its own."""
    context = multiprocessing.get_context("fork")
    with context.Pool(1) as pool:
        return pool.apply(_run, (prepare, arguments))


def _run(prepare: Callable[..., Any], arguments: tuple[Any, ...]) -> Cost:
    work = prepare(*arguments)
    before = peak_memory(reset=True)
    start = time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    return Cost(seconds, peak_memory() - before)


def peak_memory(*, reset: bool = False) -> float:
    """The peak of this process, in MiB; on Linux, the peak since the last reset."""
    if sys.platform == "linux":
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 2**10
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
