"""LoadAudioURL: from an address to AUDIO."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from comfy_api.latest import io

from ..api.errors import InputError
from ..files.sniff import SNIFF_BYTES, sniff
from . import again, host, session, turns
from .loading import decoded, difference, opened, playable, shaped
from .player import heard
from .said import said

if TYPE_CHECKING:
    from ..api.media.tracks import OpenAudio

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
            has_intermediate_output=True,
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
        run = turns.of_this_run(settings)
        if run.turn.locked():
            display.show("waits until other files are loaded")
        await host.interruptible(run.turn.acquire())
        try:
            source = await host.interruptible(opened(account, url, settings))
            original, rate, path, lost = await host.interruptible(
                decoded(account, source, settings, run.memory),
                on_look=lambda: _show(display, source),
            )
            came = await asyncio.to_thread(_came, source, path, original.shape[-1] / rate)
        finally:
            run.turn.release()
        waveform, rate = await asyncio.to_thread(shaped, original, rate, path, target, sides)
        seconds = waveform.shape[-1] / rate
        line = f"{came}, {seconds:.1f} s, {rate} Hz, {_sides(waveform.shape[0])}"
        display.show(f"{line}{difference(source, seconds)}{lost}", 1.0)
        audio = {"waveform": waveform.unsqueeze(0), "sample_rate": rate}
        files = [] if path is None else [playable(source, path)]
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


def _sides(channels: int) -> str:
    return {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")


def _show(display: host.Display, source: OpenAudio) -> None:
    received, size = source.received, source.size
    if source.paused:
        display.show(source.paused)
    elif received and size:
        amounts = {"received": f"{received / 1e6:.1f}", "size": f"{size / 1e6:.1f}"}
        display.show(said("downloading", **amounts), received / size)


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
