"""LoadAudioURL: loads AUDIO from an address."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from comfy_api.latest import io

from ..files.sniff import SNIFF_BYTES, sniff
from . import host, session
from .conversions import heard
from .host import status_text
from .lists import ListNode, shows_errors
from .loading import (
    collapse,
    decoded,
    difference,
    judged,
    limits_of_run,
    opened,
    playable,
    shaped,
)
from .shared_inputs import checked_choice

if TYPE_CHECKING:
    from ..api.media.tracks import OpenAudio

ORIGINAL = "original"
SAMPLE_RATES = {"44100": 44100, "48000": 48000}
CHANNELS = {"stereo": 2, "mono": 1}


class LoadAudioURL(ListNode):
    returns_good_items = True

    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            "AIGatewayLoadAudioURL",
            has_intermediate_output=True,
            search_aliases=["download audio", "audio from url", "load music", "url to audio"],
            inputs=[
                io.String.Input("url", default=""),
                io.Combo.Input("sample_rate", options=[ORIGINAL, *SAMPLE_RATES], default=ORIGINAL),
                io.Combo.Input("channels", options=[ORIGINAL, *CHANNELS], default=ORIGINAL),
            ],
            outputs=[
                io.Audio.Output("audio"),
                io.Float.Output("duration"),
                io.Int.Output("sample_rate"),
            ],
        )

    @classmethod
    @shows_errors
    async def execute(cls, url: str, sample_rate: str, channels: str) -> io.NodeOutput:
        target = _choice("sample_rate", sample_rate, SAMPLE_RATES)
        sides = _choice("channels", channels, CHANNELS)
        settings = session.settings()
        account = await session.account(settings)
        display = host.Display()
        run = limits_of_run(settings)
        if run.downloads.locked():
            display.show("waits until other files are loaded")
        await host.interruptible(run.downloads.acquire())
        try:
            arriving = await host.interruptible(opened(account, url, settings))
            original, rate, path, lost = await host.interruptible(
                decoded(account, arriving, settings, run.memory),
                on_check=lambda: _show(display, arriving),
            )
            came = await host.in_thread(_came, arriving, path, original.shape[-1] / rate)
        finally:
            run.downloads.release()
        job_id = arriving.job.job_id if arriving.job else None
        found = await host.in_thread(judged, original, rate, job_id)
        waveform, rate = await host.in_thread(shaped, original, rate, path, target, sides)
        seconds = waveform.shape[-1] / rate
        line = f"{came}, {seconds:.1f} s, {rate} Hz, {_sides(waveform.shape[0])}"
        if found is not None:
            line += f", {found}"
        line += f"{difference(arriving, seconds)}{lost}"
        display.show(status_text("text", collapse(found), text=line), 1.0)
        audio = {"waveform": waveform.unsqueeze(0), "sample_rate": rate}
        files = [] if path is None else [playable(arriving, path)]
        return io.NodeOutput(audio, seconds, rate, ui=heard(*files))


def _came(arriving: OpenAudio, path: Path | None, seconds: float) -> str:
    """The delivered format and the mean rate of the file: `mp3, 192 kbit/s`."""
    content = arriving.content()
    head, size = bytes(content[:SNIFF_BYTES]), len(content)
    if not size and path is not None:
        with path.open("rb") as file:
            head, size = file.read(SNIFF_BYTES), path.stat().st_size
    rate = f", {size * 8 / seconds / 1000:.0f} kbit/s" if size and seconds else ""
    return f"{sniff(head).extension}{rate}"


def _sides(channels: int) -> str:
    return {1: "mono", 2: "stereo"}.get(channels, f"{channels} channels")


def _show(display: host.Display, arriving: OpenAudio) -> None:
    received, size = arriving.received, arriving.size
    if arriving.paused:
        display.show(arriving.paused)
    elif received and size:
        amounts = {"received": f"{received / 1e6:.1f}", "size": f"{size / 1e6:.1f}"}
        display.show(status_text("downloading", **amounts), received / size)


def _choice(name: str, value: str, choices: Mapping[str, int]) -> int | None:
    """The value of a choice, None for the original."""
    return choices.get(checked_choice(name, value, [ORIGINAL, *choices]))
