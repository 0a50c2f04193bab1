"""LoadAudioURL: from an address to AUDIO."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from comfy_api.latest import io

from ..api.errors import InputError
from ..files.atomic import write_file
from ..files.sniff import sniff
from . import gateway, host

if TYPE_CHECKING:
    import torch

    from ..api.service import Service
    from ..api.tracks import Track

ORIGINAL = "original"
SAMPLE_RATES = {"44100": 44100, "48000": 48000}
CHANNELS = {"stereo": 2, "mono": 1}


class LoadAudioURL(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AIGatewayLoadAudioURL",
            display_name="Load Audio URL (AIgateway)",
            description=(
                "Downloads and decodes audio. A track that was bought is kept on this machine, "
                "and comes from there the next time, also when its address has expired."
            ),
            search_aliases=["download audio", "audio from url", "load music", "url to audio"],
            inputs=[
                io.String.Input(
                    "url",
                    default="",
                    tooltip="The address of an audio file: audio_url of PollJob, or any other.",
                ),
                io.Combo.Input(
                    "sample_rate",
                    options=[ORIGINAL, *SAMPLE_RATES],
                    default=ORIGINAL,
                    tooltip="In Hz. Video wants 48000; original leaves the samples untouched.",
                ),
                io.Combo.Input(
                    "channels",
                    options=[ORIGINAL, *CHANNELS],
                    default=ORIGINAL,
                    tooltip="Stereo copies a mono track to both sides; mono is the mean of all.",
                ),
            ],
            outputs=[
                io.Audio.Output(id="audio", display_name="audio"),
                io.Float.Output(
                    id="duration",
                    display_name="duration",
                    tooltip="Seconds, measured from the samples.",
                ),
                io.Int.Output(id="sample_rate", display_name="sample_rate", tooltip="In Hz."),
            ],
        )

    @classmethod
    @host.shows_errors
    async def execute(cls, url: str, sample_rate: str, channels: str) -> io.NodeOutput:
        target = _choice("sample_rate", sample_rate, SAMPLE_RATES)
        sides = _choice("channels", channels, CHANNELS)
        settings = gateway.settings()
        service = gateway.service(settings)
        track = service.open(url, max_download_mb=settings.max_download_mb)
        display = host.Display()
        waveform, rate, path = await host.interruptible(
            _decoded(service, track, settings.max_audio_minutes),
            on_look=lambda: _show(display, track),
        )
        waveform, rate = await asyncio.to_thread(_shaped, waveform, rate, target, sides)
        seconds = waveform.shape[-1] / rate
        display.show(f"{seconds:.1f} s, {rate} Hz, {_sides(waveform.shape[0])}", 1.0)
        audio = {"waveform": waveform.unsqueeze(0), "sample_rate": rate}
        playable = [] if path is None else [_playable(track, path)]
        return io.NodeOutput(audio, seconds, rate, ui={"aigateway_audio": playable})


async def _decoded(
    service: Service, track: Track, max_minutes: float
) -> tuple[torch.Tensor, int, Path | None]:
    """Decode while the bytes arrive, then keep them, and remember whose samples these are."""
    from ..audio.decode import decode
    from ..audio.samples.origin import remember

    def work() -> tuple[torch.Tensor, int]:
        with track.reader as reader:
            return decode(cast("BinaryIO", reader), max_minutes=max_minutes)

    filling = asyncio.ensure_future(service.fill(track))
    decoding = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        (waveform, rate), _ = await asyncio.gather(decoding, filling)
    finally:
        # A decoder that waits for bytes is woken by the end of the download.
        filling.cancel()
    path = await asyncio.to_thread(_kept, service, track)
    if path is not None:
        remember(waveform, path, rate)
    return waveform, rate, path


def _shaped(
    waveform: torch.Tensor, rate: int, target: int | None, sides: int | None
) -> tuple[torch.Tensor, int]:
    """The waveform [C, T] at another rate and with other channels, where they were chosen."""
    from ..audio.samples.channels import set_channels
    from ..audio.samples.resample import resample

    if sides is not None:
        waveform = set_channels(waveform, sides)
    if target is not None:
        waveform, rate = resample(waveform, rate, target), target
    return waveform, rate


def _sides(channels: int) -> str:
    return {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")


def _playable(track: Track, path: Path) -> dict[str, str]:
    """Where the player under the node finds the file: in the ledger, or as ComfyUI names files."""
    if track.job is not None:
        return {"local_id": track.job.local_id}
    return {"filename": path.name, "subfolder": path.parent.name, "type": "temp"}


def _show(display: host.Display, track: Track) -> None:
    received, size = track.received, track.size
    if received and size:
        megabytes = f"{received / 1e6:.1f} of {size / 1e6:.1f}"
        display.show(f"downloading {megabytes} MB", received / size)


def _kept(service: Service, track: Track) -> Path | None:
    try:
        kept = service.keep(track)
        if kept is not None or track.job is not None:
            return kept
        content = track.content()
        name = f"{hashlib.sha256(content).hexdigest()}.{sniff(content).extension}"
        path = host.temporary_directory() / name
        if not path.exists():
            write_file(path, content, durable=False)
        return path
    except OSError as error:
        # The audio itself is whole; only the shortcut of the next run is lost.
        host.log.warning("The track could not be kept on this machine: %s", error)
        return None


def _choice(name: str, value: str, choices: Mapping[str, int]) -> int | None:
    """What a choice stands for, None for the original."""
    if value == ORIGINAL:
        return None
    if value not in choices:
        raise InputError(
            f"The {name} is “{value}”, but it has to be {ORIGINAL} or one of "
            f"{', '.join(choices)}: choose one of them."
        )
    return choices[value]
