"""The audio path beside ComfyUI's own: `python benchmarks/audio.py [--json FILE] [--plot FILE]`.

Ours and the peer's run in turn on the same files; the fastest of the rounds counts, since whatever
else the machine does only ever adds. With COMFYUI_PATH set to a ComfyUI checkout, and run by a
Python that has ComfyUI's requirements and this pack's, the peers are ComfyUI's `LoadAudio` and
`AudioSaveHelper` and its partner nodes' download and decode. Without it they are the same steps
with PyAV and aiohttp, written here. Times are in seconds, memory in MiB above what was there
before; "the codec alone" decodes and throws away.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    # As a module of the pack, so that its imports are relative like everywhere.
    scripts = Path(__file__).resolve().parent.parent / "scripts"
    root = runpy.run_path(str(scripts / "lib" / "pack.py"))["load"]().__name__
    sys.exit(importlib.import_module(f"{root}.benchmarks.audio").main())

import argparse
import asyncio
import contextlib
import functools
import io
import json
import math
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, cast

import av
import numpy as np
import soundfile
import torch
from PIL import Image, ImageDraw, ImageFont

from ..api.download import MEGABYTE, Download, Source, fetch
from ..audio.decode import decode
from ..audio.encode import encode
from ..audio.formats import Encoding, Format
from ..audio.retag import retag
from ..audio.samples.resample import resample
from .report import Row, compare, report

RATE = 44100
LONG, SHORT = 240, 30
# What lossy codecs take is in proportion to the length; a minute of them is enough.
ENCODED = 60
WORKFLOW = {
    "workflow": json.dumps({"nodes": "x" * 200_000}),
    "prompt": json.dumps({"1": "x" * 20_000}),
}
SPEEDS = {"2 MB/s": 2e6, "10 MB/s": 10e6, "100 MB/s": 100e6, "unthrottled": math.inf}
CHUNK = 1 << 16
ENOUGH_SECONDS = 10


class Peer(NamedTuple):
    """ComfyUI's steps, its own or written anew."""

    name: str
    load: Callable[[str], Any]
    from_bytes: Callable[[bytes], Any]
    download: Callable[[str], Any]
    save: Callable[[torch.Tensor, int, Path, str, str], None]


class Files(NamedTuple):
    """One piece of music in every format, and its samples [C, T]."""

    waveform: torch.Tensor
    paths: dict[str, Path]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the rows there")
    parser.add_argument("--plot", type=Path, help="draw the ratios there (PNG)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="sections whose name contains this")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve(Path(arguments.serve)))
        return 0
    if arguments.memory:
        print(memory_of(*arguments.memory))
        return 0
    peer = find_peer()
    print(f"The peer is {peer.name}.")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > 0.5:
        print(f"The machine is busy (load {load:.1f}): what shares its work between two threads,")
        print("decoding and resampling above all, comes out slower than it is.")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        long = make_files(Path(folder), LONG)
        short = make_files(Path(folder), SHORT)
        sections: dict[str, Callable[[], list[Row]]] = {
            "decode": lambda: decode_rows(peer, long, arguments.rounds),
            "resample": lambda: resample_rows(peer, long, arguments.rounds),
            "memory": lambda: memory_rows(long),
            "save": lambda: save_rows(peer, long, Path(folder), arguments.rounds),
            "url": lambda: url_rows(peer, Path(folder), long, short, arguments.rounds),
        }
        for name, section in sections.items():
            if arguments.only in name:
                rows += section()
    report(rows, arguments.json)
    if arguments.plot:
        arguments.plot.write_bytes(draw(rows))
    return 0


# The music


def make_files(folder: Path, seconds: int) -> Files:
    """A chord that moves, beats and a little noise, as an encoder meets them in music."""
    random = np.random.default_rng(1)
    moment = np.arange(RATE * seconds) / RATE
    beat = np.exp(-(moment % 0.5) * 12)
    rows = []
    for detune in (1.0, 1.003):
        row = 0.003 * random.standard_normal(moment.shape[0])
        for pitch, level in ((110, 0.2), (220.5, 0.12), (441, 0.1), (1333, 0.05), (5000, 0.02)):
            swell = 0.5 + 0.5 * np.sin(moment * pitch / 37)
            row += level * swell * np.sin(2 * np.pi * pitch * detune * moment)
        rows.append(row + beat * 0.08 * random.standard_normal(moment.shape[0]))
    samples = np.asarray(rows, np.float32)
    paths = {name: folder / f"{seconds}.{name}" for name in ("wav", "flac", "mp3", "opus")}
    for name in ("wav", "flac"):
        soundfile.write(paths[name], samples.T, RATE, subtype="PCM_16")
    for name, codec, bit_rate in (("mp3", "libmp3lame", 192_000), ("opus", "libopus", 128_000)):
        with av.open(str(paths[name]), "w") as container:
            rate = 48000 if name == "opus" else RATE
            stream = cast(av.AudioStream, container.add_stream(codec, rate=rate, layout="stereo"))
            stream.bit_rate = bit_rate
            frame = av.AudioFrame.from_ndarray(samples, "fltp", "stereo")
            frame.sample_rate, frame.pts = RATE, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return Files(torch.from_numpy(samples), paths)


# The peer


def find_peer() -> Peer:
    path = os.environ.get("COMFYUI_PATH")
    return comfyui(Path(path)) if path else written_anew()


def comfyui(path: Path) -> Peer:
    """The functions of a ComfyUI checkout; only here is its folder importable."""
    sys.path.insert(0, str(path))
    cli = importlib.import_module("comfy.cli_args")
    cli.args.cpu = True
    load = importlib.import_module("comfy_extras.nodes_audio").load
    ui = importlib.import_module("comfy_api.latest._ui")
    io_types = importlib.import_module("comfy_api.latest._io")
    conversions = importlib.import_module("comfy_api_nodes.util.conversions")
    helpers = importlib.import_module("comfy_api_nodes.util.download_helpers")
    folders = importlib.import_module("folder_paths")
    version = importlib.import_module("comfyui_version").__version__

    def save(waveform: torch.Tensor, rate: int, target: Path, format: str, quality: str) -> None:
        hidden = type("Hidden", (), {"prompt": json.loads(WORKFLOW["prompt"])})
        hidden.extra_pnginfo = {"workflow": json.loads(WORKFLOW["workflow"])}  # type: ignore[attr-defined]
        node = type("Node", (), {"hidden": hidden})
        folders.set_output_directory(str(target.parent))
        ui.AudioSaveHelper.save_audio(
            {"waveform": waveform[None], "sample_rate": rate},
            target.name,
            io_types.FolderType.output,
            node,
            format,
            quality,
        )

    async def download(url: str) -> bytes:
        into = io.BytesIO()
        await helpers.download_url_to_bytesio(url, into)
        return into.getvalue()

    return Peer(f"ComfyUI {version}", load, conversions.audio_bytes_to_audio_input, download, save)


def written_anew() -> Peer:
    """What ComfyUI does, step by step: every frame an array, all arrays joined, all in memory."""

    def load(source: Any) -> tuple[torch.Tensor, int]:
        with av.open(source) as container:
            stream = container.streams.audio[0]
            parts = []
            for frame in container.decode(stream):
                part = torch.from_numpy(frame.to_ndarray())
                if part.shape[0] != stream.channels:
                    part = part.view(-1, stream.channels).t()
                parts.append(part)
            waveform = torch.cat(parts, dim=1)
            if not waveform.is_floating_point():
                waveform = waveform.float() / -float(torch.iinfo(waveform.dtype).min)
            return waveform, stream.codec_context.sample_rate

    def from_bytes(data: bytes) -> tuple[torch.Tensor, int]:
        waveform, rate = load(io.BytesIO(data))
        return waveform.unsqueeze(0).contiguous(), rate

    async def download(url: str) -> bytes:
        import aiohttp

        into = io.BytesIO()
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            async for chunk in answer.content.iter_chunked(1 << 20):
                into.write(chunk)
        return into.getvalue()

    def save(waveform: torch.Tensor, rate: int, target: Path, format: str, quality: str) -> None:
        if format == "opus" and rate != 48000:
            waveform, rate = peer_resample(waveform, rate, 48000), 48000
        out = io.BytesIO()
        codec = {"flac": "flac", "mp3": "libmp3lame", "opus": "libopus"}[format]
        container = av.open(out, "w", format=format)
        container.metadata.update(WORKFLOW)
        stream = cast(av.AudioStream, container.add_stream(codec, rate=rate, layout="stereo"))
        if quality == "V0":
            stream.codec_context.qscale = 1  # type: ignore[attr-defined]
        elif format != "flac":
            stream.bit_rate = int(quality.removesuffix("k")) * 1000
        interleaved = waveform.movedim(0, 1).reshape(1, -1).numpy()
        frame = av.AudioFrame.from_ndarray(interleaved, "flt", "stereo")
        frame.sample_rate, frame.pts = rate, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        container.close()
        target.write_bytes(out.getbuffer())

    return Peer("ComfyUI's steps, written anew", load, from_bytes, download, save)


def peer_resample(waveform: torch.Tensor, old: int, new: int) -> torch.Tensor:
    """torchaudio with its defaults, as ComfyUI calls it; PyAV where it cannot be imported."""
    try:
        from torchaudio.functional import resample as torchaudio_resample
    except Exception:
        resampler = av.AudioResampler("fltp", "stereo", new)
        frame = av.AudioFrame.from_ndarray(waveform.numpy(), "fltp", "stereo")
        frame.sample_rate = old
        parts = [*resampler.resample(frame), *resampler.resample(None)]
        return torch.from_numpy(np.concatenate([part.to_ndarray() for part in parts], axis=1))
    return torchaudio_resample(waveform, old, new)


# Timing


def fastest(rounds: int, **steps: Callable[[], Any]) -> dict[str, float]:
    """Seconds of each step, in turn, the fastest of the rounds after one that warms up.

    Short steps, which a moment's disturbance changes most, get up to three times the rounds.
    """
    best = dict.fromkeys(steps, math.inf)
    end = time.perf_counter() + ENOUGH_SECONDS
    for number in range(3 * rounds + 1):
        if number > rounds and time.perf_counter() > end:
            break
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if number:
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def ours_from(path: Path) -> tuple[torch.Tensor, int]:
    with open(path, "rb") as file:
        return decode(file)


# Rows


def decode_rows(peer: Peer, files: Files, rounds: int) -> list[Row]:
    goals = {"mp3": 0.45, "flac": 0.45, "wav": 0.15, "opus": 0.85}
    rows = []
    for name, goal in goals.items():
        path = files.paths[name]
        data = path.read_bytes()
        steps: dict[str, Callable[[], Any]] = {
            "ours": lambda path=path: ours_from(path),
            "load": lambda path=path: peer.load(str(path)),
            "partner": lambda data=data: peer.from_bytes(data),
            "codec": lambda path=path: codec_alone(path),
        }
        with contextlib.suppress(Exception):
            torchaudio = importlib.import_module("torchaudio")
            torchaudio.load(str(path))
            steps["torchaudio"] = functools.partial(torchaudio.load, str(path))
        best = fastest(rounds, **steps)
        label = f"decode {name}, {LONG} s"
        rows.append(compare(f"{label}, to LoadAudio", best["ours"], best["load"], goal))
        rows.append(compare(f"{label}, to the partner nodes", best["ours"], best["partner"]))
        if "torchaudio" in best:
            rows.append(compare(f"{label}, to torchaudio.load", best["ours"], best["torchaudio"]))
        rows.append(compare(f"{label}, to the codec alone", best["ours"], best["codec"]))
    return rows


def codec_alone(path: Path) -> None:
    """Decode and throw away, in one thread: libsndfile, or FFmpeg for what that cannot read."""
    if path.suffix == ".opus":
        with av.open(str(path)) as container:
            for _ in container.decode(audio=0):
                pass
        return
    with soundfile.SoundFile(path) as sound:
        buffer = np.empty((1 << 17, sound.channels), np.float32)
        while len(sound.read(out=buffer)):
            pass


def resample_rows(peer: Peer, files: Files, rounds: int) -> list[Row]:
    path = files.paths["mp3"]
    best = fastest(
        rounds,
        ours=lambda: resample(ours_from(path)[0], RATE, 48000),
        peer=lambda: peer_resample(peer.load(str(path))[0], RATE, 48000),
        ours_alone=lambda: resample(files.waveform, RATE, 48000),
        peer_alone=lambda: peer_resample(files.waveform, RATE, 48000),
    )
    moment = torch.arange(48000 * 2, dtype=torch.float64) / 48000
    tone = torch.sin(2 * math.pi * 23000 * moment).float().repeat(2, 1)
    leak, peer_leak = (
        float(method(tone, 48000, RATE)[:, 4000:-4000].abs().max())
        for method in (resample, peer_resample)
    )
    return [
        compare(f"mp3 to 48 kHz, {LONG} s", best["ours"], best["peer"], 0.45),
        compare(f"44.1 to 48 kHz alone, {LONG} s", best["ours_alone"], best["peer_alone"]),
        compare(
            "alias of a 23 kHz tone, 48 to 44.1 kHz", leak, peer_leak, 10 ** (-110 / 20) / peer_leak
        ),
    ]


def memory_rows(files: Files) -> list[Row]:
    """Peaks of fresh processes, to the floor: the tensor, and the encoded file."""
    if not Path("/proc/self/clear_refs").exists():
        print("Peak memory is measured on Linux only: left out.")
        return []
    mebi = 1 << 20
    rows = []
    for name in ("mp3", "wav", "flac", "opus"):
        path = files.paths[name]
        frames = files.waveform.shape[1] * (48000 if name == "opus" else RATE) // RATE
        floor = (frames * 2 * 4 + path.stat().st_size) / mebi
        for kind, goal in (("decode", 1.05), ("load", None)):
            label = "ours" if kind == "decode" else "LoadAudio's way"
            peak = in_a_process(kind, path)
            rows.append(compare(f"peak memory, {name}, {label}, to the floor", peak, floor, goal))
    for kind, label in (("save", "ours"), ("core-save", "AudioSaveHelper's way")):
        peak = in_a_process(kind, files.paths["wav"])
        rows.append(
            compare(
                f"save flac, memory above the tensor, {label}, to the tensor",
                peak,
                files.waveform.nbytes / mebi,
                0.05 if kind == "save" else None,
            )
        )
    return rows


def in_a_process(kind: str, path: Path) -> float:
    script = Path(__file__).resolve()
    done = subprocess.run(
        [sys.executable, str(script), "--memory", kind, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def memory_of(kind: str, name: str) -> float:
    """MiB that one step needs above what the process held before it."""
    path = Path(name)
    data = path.read_bytes()
    anew = written_anew()
    small = io.BytesIO()
    soundfile.write(small, np.zeros((100_000, 2), np.float32), RATE, format="FLAC")
    decode(io.BytesIO(small.getvalue()))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "song"
        steps: dict[str, Callable[[], Any]] = {
            "decode": lambda: decode(io.BytesIO(data)),
            "load": lambda: anew.from_bytes(data),
        }
        if "save" in kind:
            waveform = ours_from(path)[0]
            silence = torch.zeros(2, 1000)
            encode(silence, RATE, Path(folder) / "first", Encoding(Format.FLAC, "16 bit"))
            steps["save"] = lambda: encode(
                waveform, RATE, out, Encoding(Format.FLAC, "16 bit"), tags=WORKFLOW
            )
            steps["core-save"] = lambda: anew.save(waveform, RATE, out, "flac", "")
        Path("/proc/self/clear_refs").write_text("5")
        before = _status("VmRSS")
        # The encoded file is part of what a load needs, and it is here already.
        held = 0 if "save" in kind else len(data) / (1 << 20)
        steps[kind]()
        return _status("VmHWM") - before + held


def _status(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def save_rows(peer: Peer, files: Files, folder: Path, rounds: int) -> list[Row]:
    numbers = iter(range(1_000_000))

    def fresh() -> Path:
        return folder / f"saved-{next(numbers)}"

    def save(seconds: int, format: Format, quality: str, peer_quality: str) -> dict[str, float]:
        waveform = files.waveform[:, : RATE * seconds].contiguous()
        encoding = Encoding(format, quality)
        return fastest(
            rounds if format is Format.FLAC else max(1, rounds // 3),
            ours=lambda: encode(waveform, RATE, fresh(), encoding, tags=WORKFLOW),
            peer=lambda: peer.save(waveform, RATE, fresh(), format.value, peer_quality),
        )

    flac = save(LONG, Format.FLAC, "16 bit", "")
    opus = save(ENCODED, Format.OPUS, "128 kbit/s", "128k")
    mp3 = save(ENCODED, Format.MP3, "V0", "V0")
    encoding = Encoding(Format.MP3, "V0")
    original = encode(files.waveform[:, : RATE * ENCODED], RATE, fresh(), encoding).path
    exact = fastest(rounds, ours=lambda: retag(original, fresh(), WORKFLOW))
    wav = fastest(
        rounds,
        ours=lambda: encode(
            files.waveform, RATE, fresh(), Encoding(Format.WAV, "16 bit"), tags=WORKFLOW
        ),
        peer=lambda: soundfile.write(
            str(fresh()), files.waveform.T.numpy(), RATE, format="WAV", subtype="PCM_16"
        ),
    )
    return [
        compare(f"save flac, {LONG} s, 200 KB workflow", flac["ours"], flac["peer"], 0.75),
        compare(f"save opus 128k, {ENCODED} s, 200 KB workflow", opus["ours"], opus["peer"], 0.95),
        compare(f"save mp3 V0, {ENCODED} s, 200 KB workflow", mp3["ours"], mp3["peer"], 1.0),
        compare(f"save that mp3 unchanged, {ENCODED} s", exact["ours"], mp3["peer"], 0.02),
        compare(f"save wav, {LONG} s, to soundfile.write", wav["ours"], wav["peer"]),
    ]


# Over the network


def url_rows(peer: Peer, folder: Path, long: Files, short: Files, rounds: int) -> list[Row]:
    rows: list[Row] = []
    with server(folder) as address:
        for speed, rate in SPEEDS.items():
            for seconds, files in ((SHORT, short), (LONG, long)):
                for name in ("mp3", "wav"):
                    bytes_a_second = 0 if math.isinf(rate) else int(rate)
                    url = f"{address}/{bytes_a_second}/{files.paths[name].name}"
                    transfer = files.paths[name].stat().st_size / rate
                    repeats = 1 if transfer > 5 else max(2, min(rounds, int(4 / (transfer + 0.3))))
                    ours, ours_after = fastest_url(repeats, lambda url=url: ours_url(url))
                    theirs, theirs_after = fastest_url(repeats, lambda url=url: peer_url(peer, url))
                    label = f"{name}, {seconds} s, at {speed}"
                    rows.append(compare(f"url to tensor, {label}", ours, theirs))
                    goal = 0.10 if (name, seconds, speed) == ("mp3", LONG, "10 MB/s") else None
                    rows.append(
                        compare(f"last byte to tensor, {label}", ours_after, theirs_after, goal)
                    )
    return rows


def fastest_url(rounds: int, step: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    """The fastest whole, and the shortest wait behind the last byte."""
    pairs = [step() for _ in range(rounds)]
    return min(whole for whole, _ in pairs), min(after for _, after in pairs)


def ours_url(url: str) -> tuple[float, float]:
    """Seconds from the request to the tensor, and from the last byte to it."""

    async def run() -> tuple[float, float]:
        start = time.perf_counter()
        download = Download(256 * MEGABYTE)
        fetching = asyncio.create_task(fetch(Source(url), download))
        ends: list[float] = []
        fetching.add_done_callback(lambda _: ends.append(time.perf_counter()))
        await asyncio.to_thread(decode, cast(Any, download))
        tensor = time.perf_counter()
        await fetching
        await asyncio.sleep(0)
        return tensor - start, max(0.0, tensor - ends[0])

    return asyncio.run(run())


def peer_url(peer: Peer, url: str) -> tuple[float, float]:
    async def run() -> tuple[float, float]:
        start = time.perf_counter()
        data = await peer.download(url)
        last = time.perf_counter()
        peer.from_bytes(data)
        return time.perf_counter() - start, time.perf_counter() - last

    return asyncio.run(run())


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """A process that serves `folder` on loopback as /BYTES_A_SECOND/NAME; its address."""
    script = Path(__file__).resolve()
    process = subprocess.Popen(
        [sys.executable, str(script), "--serve", str(folder)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait()


async def serve(folder: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await reader.readuntil(b"\r\n\r\n")
            _, speed, name = request.split(b" ")[1].decode().split("/")
            data = (folder / Path(name).name).read_bytes()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode())
            start = time.monotonic()
            for position in range(0, len(data), CHUNK):
                if int(speed):
                    await asyncio.sleep(start + position / int(speed) - time.monotonic())
                writer.write(data[position : position + CHUNK])
                await writer.drain()
            writer.close()
            await writer.wait_closed()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    async with listening:
        await listening.serve_forever()


# The plot


def draw(rows: list[Row]) -> bytes:
    """Horizontal bars of the ratios, the peer's 1.0 as a line and each goal as a mark; PNG."""
    font = ImageFont.load_default()
    left, bar, width, line = 420, 520, 1040, 22
    image = Image.new("RGB", (width, line * (len(rows) + 2)), (24, 26, 31))
    canvas = ImageDraw.Draw(image)
    for number, row in enumerate(rows, 1):
        top = number * line
        color = {"met": (92, 184, 122), "missed": (232, 92, 84)}.get(row.verdict, (122, 184, 236))
        end = left + min(row.ratio, 1.1) / 1.1 * bar
        canvas.text((10, top + 4), row.name, (200, 204, 212), font)
        canvas.rectangle((left, top + 4, max(end, left + 1), top + line - 4), color)
        canvas.text((left + bar + 14, top + 4), f"{row.ratio:.2g}", (200, 204, 212), font)
        if row.goal is not None:
            mark = left + min(row.goal, 1.1) / 1.1 * bar
            canvas.line((mark, top + 1, mark, top + line - 1), (250, 250, 250), 2)
    peer = left + bar / 1.1
    canvas.line((peer, line, peer, image.height - line), (142, 148, 160))
    canvas.text((peer - 16, 6), "peer", (142, 148, 160), font)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
