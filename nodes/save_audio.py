"""SaveAudio: from AUDIO to a file in ComfyUI's output folder."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..api import text
from ..api.errors import InputError
from ..audio.formats import DEFAULT_QUALITY, QUALITIES, Encoding, Format, Peaks
from ..files.atomic import write_file
from . import again, host, receipt, session
from .draft import Draft
from .prefix import TITLE_LENGTH, safe_prefix

if TYPE_CHECKING:
    import torch

    from ..api.money.job import Job


_TOOLTIPS = {
    Format.FLAC: "Bits of a sample; 24 keeps more than any delivered file holds.",
    Format.WAV: "Bits of a sample; float keeps peaks above full scale.",
    Format.MP3: "V0 is the best variable rate, the others are constant. A delivered MP3 that was "
    "not changed is kept as it is.",
    Format.OPUS: "Bit rate; 128 kbit/s is hard to tell from the original.",
}


class SaveAudio(again.Node):
    keeps_items = True

    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AIGatewaySaveAudio",
            display_name="Save Audio (AIgateway)",
            description=(
                "Saves audio to ComfyUI's output folder as FLAC, WAV, MP3 or Opus, with the "
                "workflow inside, and passes the audio on. Audio that comes unchanged from Load "
                "Audio URL is saved without encoding it again, if the format is the same."
            ),
            search_aliases=["export audio", "save music", "save wav", "save mp3", "save flac"],
            is_output_node=True,
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            inputs=[
                io.Audio.Input("audio", tooltip="The audio to save. A batch makes several files."),
                io.String.Input(
                    "filename_prefix",
                    default="audio/AIgateway",
                    tooltip="Folder under output/ and beginning of the name. A number is added. "
                    "%take%, %job_id%, %title% and %date:yyyy-MM-dd% are replaced.",
                ),
                io.DynamicCombo.Input(
                    "format",
                    options=[
                        io.DynamicCombo.Option(
                            format.value,
                            [
                                io.Combo.Input(
                                    "quality",
                                    options=list(qualities),
                                    default=DEFAULT_QUALITY[format],
                                    tooltip=_TOOLTIPS[format],
                                )
                            ],
                        )
                        for format, qualities in QUALITIES.items()
                    ],
                    tooltip="FLAC and WAV are lossless; MP3 and Opus are small.",
                ),
                io.Combo.Input(
                    "peaks",
                    options=[choice.value for choice in Peaks],
                    default=Peaks.CLIP.value,
                    optional=True,
                    tooltip="What to do with samples above full scale. clip: cut them off. "
                    "normalize: lower the whole volume. refuse: do not save.",
                ),
            ],
            outputs=[
                io.Audio.Output(id="audio", display_name="audio", tooltip="The same audio."),
                io.String.Output(
                    id="path",
                    display_name="path",
                    tooltip="The path of the saved file. For a batch, one path per line.",
                ),
            ],
        )

    @classmethod
    def is_kept(cls, output: io.NodeOutput) -> bool:
        return all(Path(line).exists() for line in str(output[1]).splitlines())

    @classmethod
    @host.shows_errors
    async def execute(
        cls, audio: Any, filename_prefix: str, format: Any = None, peaks: str = Peaks.CLIP.value
    ) -> io.NodeOutput:
        from ..audio.samples.origin import provenance_of
        from ..audio.validate import check

        encoding = _encoding(format)
        checked = check(audio)
        graph = None
        if host.writes_metadata():
            graph = receipt.graph_tags(cls.hidden.prompt, cls.hidden.extra_pnginfo)
        sample_rate = checked["sample_rate"]
        slots: list[host.Slot] = []
        for waveform in checked["waveform"]:
            found = await asyncio.to_thread(provenance_of, waveform, sample_rate)
            job = await _job_of(found.source if found else None)
            if job is not None:
                host.item().label = job.request.label
            prefix = _prefix(filename_prefix, job)
            tags = None
            if graph is not None:
                seconds = waveform.shape[-1] / sample_rate
                tags = {**graph, **({} if job is None else receipt.job_tags(job, seconds))}
            draft = Draft(prefix, encoding.format.extension)
            write = functools.partial(
                _write,
                waveform,
                sample_rate,
                found.source if found and found.exact else None,
                encoding,
                Peaks(peaks),
                tags,
            )
            slots.append(await host.interruptible(_saved(draft, write, tags)))
        host.item().passed()
        files = [
            {"filename": slot.path.name, "subfolder": slot.subfolder, "type": "output"}
            for slot in slots
        ]
        paths = "\n".join(str(slot.path) for slot in slots)
        return io.NodeOutput(audio, paths, ui={"audio": files})


async def _saved(
    draft: Draft, write: Callable[[Path], tuple[str, ...]], tags: Mapping[str, str] | None
) -> host.Slot:
    """Save one file. Files of a list are written side by side, and numbered in the list's order."""
    try:
        dropped = await asyncio.to_thread(draft.fill, write)
        await host.item().turn()
        slot = await asyncio.to_thread(draft.publish)
    finally:
        draft.give_up()
    if tags and (dropped or slot.path.suffix == ".wav"):
        # The frontend does not read a WAV, and a file without room has no graph: a sidecar has it.
        sidecar = slot.path.with_suffix(".json")
        await asyncio.to_thread(_write_sidecar, sidecar, tags, dropped)
    return slot


def _write(
    waveform: torch.Tensor,
    sample_rate: int,
    source: Path | None,
    encoding: Encoding,
    peaks: Peaks,
    tags: Mapping[str, str] | None,
    path: Path,
) -> tuple[str, ...]:
    """Write one waveform [C, T]; returns the keys of the tags that were left out.

    `source` is the file that holds its samples unchanged.
    """
    from ..audio.encode import encode
    from ..audio.retag import format_of, retag
    from ..audio.validate import AudioError

    # A file with broken tags, and one that is gone by now, is encoded like any other audio.
    with contextlib.suppress(AudioError, FileNotFoundError):
        if source is not None and format_of(source) is encoding.format:
            return retag(source, path, tags or {})
    report = encode(waveform, sample_rate, path, encoding, tags=tags, peaks=peaks)
    if report.clipped:
        _say(f"{report.clipped} samples above full scale were clipped")
    elif report.gain != 1:
        _say(f"the volume is lowered to {report.gain:.0%}, so that no sample is clipped")
    return report.dropped_tags


def _encoding(given: Any) -> Encoding:
    """The format and quality that were chosen. Raises InputError: the choice does not exist."""
    # ComfyUI does not check the format of a script, and leaves out an unknown one. The audio may
    # be bought already, so it is saved in any case.
    chosen = given if isinstance(given, Mapping) else {"format": given}
    name, quality = chosen.get("format"), chosen.get("quality")
    if name is None:
        name = Format.FLAC.value
        _say("the format is missing or unknown, so the audio is saved as FLAC")
    known = [format.value for format in Format]
    if name not in known:
        raise InputError(f"The format is “{name}”: choose one of {', '.join(known)}.")
    format = Format(name)
    if quality is not None and quality not in QUALITIES[format]:
        raise InputError(
            f"The quality of {name} is “{quality}”: choose one of {', '.join(QUALITIES[format])}."
        )
    return Encoding(format, quality or DEFAULT_QUALITY[format])


def _prefix(prefix: object, job: Job | None) -> str:
    values = {}
    if job is not None:
        title = text.shortened(job.prompt, TITLE_LENGTH).rstrip("…")
        values = {"take": str(job.take), "job_id": job.job_id or "", "title": title}
    return safe_prefix(prefix, values, time.localtime(), host.output_directory())


async def _job_of(source: Path | None) -> Job | None:
    """The job whose stored track is `source`."""
    return None if source is None else await (await session.library()).job_of_file(source)


def _write_sidecar(path: Path, tags: Mapping[str, str], dropped: tuple[str, ...]) -> None:
    """Write the graph beside the audio: the workflow, or the prompt of a script."""
    graph = tags.get("workflow") or tags.get("prompt")
    if graph is not None:
        write_file(path, graph.encode(), durable=False)
    if dropped:
        where = f"drop {path.name} on the canvas to restore the graph" if graph else "left out"
        _say(f"the audio file has no room for {' and '.join(dropped)}: {where}")


def _say(line: str) -> None:
    host.log.info("Save Audio: %s.", line)
    host.show_status(line)
