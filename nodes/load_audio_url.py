"""LoadAudioURL: from an address to AUDIO."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from comfy_api.latest import io

from ..api.errors import InputError, LedgerError
from ..files.sniff import SNIFF_BYTES, sniff
from . import again, host, loading, session
from .player import heard

if TYPE_CHECKING:
    import torch

    from ..api.account import Account
    from ..api.media.tracks import OpenAudio
    from ..api.settings import Settings
    from ..audio.memory import Memory

ORIGINAL = "original"
SAMPLE_RATES = {"44100": 44100, "48000": 48000}
CHANNELS = {"stereo": 2, "mono": 1}


class LoadAudioURL(again.Node):
    keeps_items = True

    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AIGatewayLoadAudioURL",
            display_name="Load Audio URL (AIgateway)",
            description=(
                "Downloads and decodes audio. A bought track is kept on this machine. It is read "
                "from there the next time, even if its address has expired."
            ),
            search_aliases=["download audio", "audio from url", "load music", "url to audio"],
            inputs=[
                io.String.Input(
                    "url",
                    default="",
                    tooltip="The address of an audio file: audio_url of Poll Job, or any other.",
                ),
                io.Combo.Input(
                    "sample_rate",
                    options=[ORIGINAL, *SAMPLE_RATES],
                    default=ORIGINAL,
                    tooltip="In Hz. Use 48000 for video. original: the samples are not changed.",
                ),
                io.Combo.Input(
                    "channels",
                    options=[ORIGINAL, *CHANNELS],
                    default=ORIGINAL,
                    tooltip="stereo: mono is copied to both sides. mono: the mean of all channels.",
                ),
            ],
            outputs=[
                io.Audio.Output(id="audio", display_name="audio"),
                io.Float.Output(
                    id="duration",
                    display_name="duration",
                    tooltip="In seconds, counted from the samples.",
                ),
                io.Int.Output(id="sample_rate", display_name="sample_rate", tooltip="In Hz."),
            ],
        )

    @classmethod
    @host.shows_errors
    async def execute(cls, url: str, sample_rate: str, channels: str) -> io.NodeOutput:
        target = _choice("sample_rate", sample_rate, SAMPLE_RATES)
        sides = _choice("channels", channels, CHANNELS)
        settings = session.settings()
        account = await session.account(settings)
        display = host.Display()
        run = loading.of_this_run(settings)
        if run.turn.locked():
            display.show("waits until other files are loaded")
        await host.interruptible(run.turn.acquire())
        try:
            source = await host.interruptible(account.open(url, settings))
            if source.trouble:
                host.log.warning("%s The track is downloaded from the gateway.", source.trouble)
            waveform, rate, path, lost = await host.interruptible(
                _decoded(account, source, settings, run.memory),
                on_look=lambda: _show(display, source),
            )
            seconds = waveform.shape[-1] / rate
            came = await asyncio.to_thread(_came, source, path, seconds)
        finally:
            run.turn.release()
        waveform, rate = await asyncio.to_thread(_shaped, waveform, rate, path, target, sides)
        seconds = waveform.shape[-1] / rate
        line = f"{came}, {seconds:.1f} s, {rate} Hz, {_sides(waveform.shape[0])}"
        display.show(f"{line}{_difference(source, seconds)}{lost}", 1.0)
        audio = {"waveform": waveform.unsqueeze(0), "sample_rate": rate}
        files = [] if path is None else [_playable(source, path)]
        return io.NodeOutput(audio, seconds, rate, ui=heard(*files))


def _came(source: OpenAudio, path: Path | None, seconds: float) -> str:
    """What was delivered, whatever was asked for: `mp3, 192 kbit/s`. The mean rate of the file."""
    content = source.content()
    head, size = bytes(content[:SNIFF_BYTES]), len(content)
    if not size and path is not None:
        with path.open("rb") as file:
            head, size = file.read(SNIFF_BYTES), path.stat().st_size
    rate = f", {size * 8 / seconds / 1000:.0f} kbit/s" if size and seconds else ""
    return f"{sniff(head).extension}{rate}"


async def _decoded(
    account: Account, source: OpenAudio, settings: Settings, memory: Memory
) -> tuple[torch.Tensor, int, Path | None, str]:
    """Decode while the bytes arrive, and keep the file.

    The text is for the status line if the file could not be kept everywhere, else empty.
    """
    from ..audio.decode import decode

    def work() -> tuple[torch.Tensor, int]:
        with source.reader as reader:
            return decode(
                cast("BinaryIO", reader),
                max_minutes=settings.max_audio_minutes,
                memory=memory,
            )

    filling = asyncio.ensure_future(account.download(source))
    decoding = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        (waveform, rate), _ = await asyncio.gather(decoding, filling)
    finally:
        # The end of the download wakes a decoder that waits for bytes.
        filling.cancel()
    try:
        path, unsent = await _kept(account, source, settings)
    except (OSError, LedgerError) as error:
        # The decoded audio is complete, and the next run does not pay again.
        host.log.warning("The track could not be kept on this machine: %s", error)
        return waveform, rate, None, " · not kept on this machine: the next run downloads it again"
    if not unsent:
        return waveform, rate, path, ""
    host.log.warning("The bucket does not have the track yet: %s. It is sent again later.", unsent)
    return waveform, rate, path, f" · not in the bucket yet ({unsent}): it is sent again later"


def _shaped(
    decoded: torch.Tensor, rate: int, path: Path | None, target: int | None, sides: int | None
) -> tuple[torch.Tensor, int]:
    """The waveform [C, T] at the chosen rate and with the chosen channels.

    Save Audio can find out that it comes from the file at `path`.
    """
    from ..audio.samples.channels import set_channels
    from ..audio.samples.origin import remember
    from ..audio.samples.resample import resample

    waveform = decoded
    if sides is not None:
        waveform = set_channels(waveform, sides)
    if target is not None:
        waveform, rate = resample(waveform, rate, target), target
    if path is not None:
        # The file may be gone already. Then the waveform has no origin.
        with contextlib.suppress(OSError):
            remember(waveform, path, rate, exact=waveform is decoded)
    return waveform, rate


def _difference(source: OpenAudio, seconds: float) -> str:
    """Names both lengths, where the track is clearly shorter or longer than the request."""
    asked = 0.0 if source.job is None else source.job.duration
    # A job that was picked up by its id has no requested length. Encoders add some hundredths
    # of a second.
    if not asked or abs(seconds - asked) <= max(0.5, 0.02 * asked):
        return ""
    line = f"asked for {asked:.1f} s, received {seconds:.1f} s"
    host.log.warning("%s (job %s).", line, source.job.job_id if source.job else "")
    return f" · {line}"


def _sides(channels: int) -> str:
    return {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")


def _playable(source: OpenAudio, path: Path) -> dict[str, str]:
    """Tells the node's player where the file is: the id of its row, or ComfyUI's name for it."""
    if source.job is not None:
        return {"local_id": source.job.local_id}
    return {"filename": path.name, "subfolder": path.parent.name, "type": "temp"}


def _show(display: host.Display, source: OpenAudio) -> None:
    received, size = source.received, source.size
    if source.paused:
        display.show(source.paused)
    elif received and size:
        megabytes = f"{received / 1e6:.1f} of {size / 1e6:.1f}"
        display.show(f"downloading {megabytes} MB", received / size)


async def _kept(account: Account, source: OpenAudio, settings: Settings) -> tuple[Path | None, str]:
    """The file on this machine: a job's in the track store, any other in ComfyUI's temp folder.

    The text says why the bucket does not have it yet, else it is empty.
    """
    kept = await account.keep(source, settings)
    if kept.path is not None or source.job is not None:
        return kept.path, kept.unsent
    return await asyncio.to_thread(host.temporary_file, source.content()), ""


def _choice(name: str, value: str, choices: Mapping[str, int]) -> int | None:
    """The value of a choice, None for the original."""
    if value == ORIGINAL:
        return None
    if value not in choices:
        raise InputError(
            f"The {name} is “{value}”. {ORIGINAL} or one of {', '.join(choices)} is expected: "
            "choose one of them."
        )
    return choices[value]
