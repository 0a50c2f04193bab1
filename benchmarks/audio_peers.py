"""What the audio benchmark compares with: ComfyUI, or its steps written anew."""

from __future__ import annotations

import importlib
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import av
import numpy as np
import torch

from .audio_files import WORKFLOW


class Peer(NamedTuple):
    """ComfyUI's steps, its own or written anew."""

    name: str
    load: Callable[[str], Any]
    from_bytes: Callable[[bytes], Any]
    download: Callable[[str], Any]
    save: Callable[[torch.Tensor, int, Path, str, str], None]


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
        with cast(Any, av.open(source, "r")) as container:
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
