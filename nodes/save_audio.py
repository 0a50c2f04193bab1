"""SaveAudio: from AUDIO to a file in ComfyUI's output folder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..api import text
from ..api.errors import InputError
from ..audio.formats import DEFAULT_QUALITY, QUALITIES, Encoding, Format, Peaks
from . import again, host, receipt, session
from .draft import Draft
from .loop_notes import Tempo, loop_points, tempo_of
from .prefix import SEPARATORS, TITLE_LENGTH, safe_prefix
from .saving import Saving, say

if TYPE_CHECKING:
    from ..api.money.job import Job


_TOOLTIPS = {
    Format.FLAC: "Bits of a sample; 24 keeps more than any delivered file holds.",
    Format.WAV: "Bits of a sample; float keeps peaks above full scale.",
    Format.MP3: "V0 is the best variable rate, the others are constant. A delivered MP3 that was "
    "not changed is kept as it is.",
    Format.OPUS: "Bit rate; 128 kbit/s is hard to tell from the original.",
    Format.OGG: "Vorbis' own scale: 4 is about 128 kbit/s, 6 about 192, 10 about 500.",
}


class SaveAudio(again.Node):
    keeps_items = True

    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AIGatewaySaveAudio",
            display_name="Save Audio (AIgateway)",
            description=(
                "Saves audio to ComfyUI's output folder as FLAC, WAV, MP3, Opus or Ogg Vorbis, "
                "with the workflow inside, and passes the audio on. Audio that comes unchanged "
                "from Load Audio URL is saved without encoding it again, if the format is the "
                "same. Loop points of Make Loop are written for game engines."
            ),
            search_aliases=[
                "export audio",
                "save music",
                "save wav",
                "save mp3",
                "save flac",
                "save ogg",
            ],
            is_output_node=True,
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            inputs=[
                io.Audio.Input("audio", tooltip="The audio to save. A batch makes several files."),
                io.String.Input(
                    "filename_prefix",
                    default="audio/AIgateway",
                    tooltip="Folder under output/ and beginning of the name. A number is added. "
                    "%take%, %job_id%, %title%, %bpm% and %date:yyyy-MM-dd% are replaced.",
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
                    tooltip="FLAC and WAV are lossless; MP3, Opus and Ogg (Vorbis) are small. "
                    "Loops need WAV, FLAC or Ogg.",
                ),
                io.Combo.Input(
                    "peaks",
                    options=[choice.value for choice in Peaks],
                    default=Peaks.CLIP.value,
                    optional=True,
                    **host.ADVANCED,
                    tooltip="What to do with samples above full scale. clip: cut them off. "
                    "normalize: lower the whole volume. refuse: do not save.",
                ),
                _samples_input("loop_start", "The first sample of the loop: connect Make Loop."),
                _samples_input(
                    "loop_length",
                    "The loop's length in samples; the file ends where the loop ends. 0: no loop.",
                ),
                io.String.Input(
                    "title",
                    default="",
                    optional=True,
                    tooltip="The title in the file's tags. Empty: the first words of the prompt.",
                ),
                io.String.Input(
                    "name",
                    default="",
                    optional=True,
                    tooltip="The name of the file: connect Cue Sheet. filename_prefix is the "
                    "folder then, and a manifest.json there lists the files.",
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
        cls,
        audio: Any,
        filename_prefix: str,
        format: Any = None,
        peaks: str = Peaks.CLIP.value,
        loop_start: int = 0,
        loop_length: int = 0,
        title: str = "",
        name: str = "",
    ) -> io.NodeOutput:
        from ..audio.samples.origin import provenance_of
        from ..audio.validate import check

        encoding = _encoding(format)
        loop = loop_points(loop_start, loop_length, encoding.format)
        title, name = (text.trimmed(text.clean(value)) for value in (title, name))
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
            tempo = Tempo(0.0, 0.0)
            if loop is not None or "%bpm%" in str(filename_prefix):
                prompt = job.prompt if job else ""
                tempo = await asyncio.to_thread(tempo_of, waveform, sample_rate, prompt)
            saving = Saving(
                waveform,
                sample_rate,
                found.source if found and found.exact else None,
                encoding,
                Peaks(peaks),
                loop,
                tempo,
                graph,
                job,
                title,
                name,
            )
            prefix = _prefix(filename_prefix, saving)
            draft = Draft(prefix, encoding.format.extension)
            slots.append(await host.interruptible(_saved(draft, saving)))
        host.item().passed()
        files = [
            {"filename": slot.path.name, "subfolder": slot.subfolder, "type": "output"}
            for slot in slots
        ]
        paths = "\n".join(str(slot.path) for slot in slots)
        return io.NodeOutput(audio, paths, ui={"audio": files})


async def _saved(draft: Draft, saving: Saving) -> host.Slot:
    """Save one file. Files of a list are written side by side, and numbered in the list's order."""
    try:
        dropped = await asyncio.to_thread(draft.fill, saving.write)
        await host.item().turn()
        slot = await asyncio.to_thread(draft.publish)
    finally:
        draft.give_up()
    await asyncio.to_thread(saving.write_beside, slot.path, dropped)
    return slot


def _samples_input(name: str, tooltip: str) -> io.Int.Input:
    return io.Int.Input(name, default=0, min=0, max=2**31 - 1, optional=True, tooltip=tooltip)


def _encoding(given: Any) -> Encoding:
    """The format and quality that were chosen. Raises InputError: the choice does not exist."""
    # ComfyUI does not check the format of a script, and leaves out an unknown one. The audio may
    # be bought already, so it is saved in any case.
    chosen = given if isinstance(given, Mapping) else {"format": given}
    name, quality = chosen.get("format"), chosen.get("quality")
    if name is None:
        name = Format.FLAC.value
        say("the format is missing or unknown, so the audio is saved as FLAC")
    known = [format.value for format in Format]
    if name not in known:
        raise InputError(f"The format is “{name}”: choose one of {', '.join(known)}.")
    format = Format(name)
    if quality is not None and quality not in QUALITIES[format]:
        raise InputError(
            f"The quality of {name} is “{quality}”: choose one of {', '.join(QUALITIES[format])}."
        )
    return Encoding(format, quality or DEFAULT_QUALITY[format])


def _prefix(prefix: object, saving: Saving) -> str:
    values = {"title": saving.title, "bpm": saving.tempo.shown}
    job = saving.job
    if job is not None:
        values |= {"take": str(job.take), "job_id": job.job_id or ""}
        values["title"] = saving.title or text.shortened(job.prompt, TITLE_LENGTH).rstrip("…")
    if saving.name and isinstance(prefix, str):
        prefix = f"{prefix}/{SEPARATORS.sub('_', saving.name)}"
    return safe_prefix(prefix, values, time.localtime(), host.output_directory())


async def _job_of(source: Path | None) -> Job | None:
    """The job whose stored track is `source`."""
    return None if source is None else await (await session.library()).job_of_file(source)
