"""SaveAudio: saves AUDIO as a file in ComfyUI's output folder."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..api.base.errors import SettingsError
from ..api.base.plain_text import clean, shortened, trimmed
from ..audio.formats import DEFAULT_QUALITY, QUALITIES, Encoding, Format, Peaks
from . import host, session
from .conversions import loop_seam, timed_words_of
from .disclosure import OriginMarks, maker_of
from .engines import Engine
from .lists import ListNode, running_item, shows_errors
from .prefix import SEPARATORS, TITLE_LENGTH, flat, safe_prefix, unquoted
from .receipt import graph_tags
from .saving import Draft, Saving, Tempo, loop_points, say, tempo_of
from .shared_inputs import ORIGINS, checked_choice, checked_text, choice_input, origin_input

if TYPE_CHECKING:
    from ..music.markers import Markers


_ENGINES = [engine.value for engine in Engine]
_QUALITY_TOOLTIPS = {
    Format.FLAC: "Bits of a sample; 24 keeps more than any delivered file holds.",
    Format.WAV: "Bits of a sample; float keeps peaks above full scale.",
    Format.MP3: "V0 is the best variable rate, the others are constant. A delivered MP3 that was "
    "not changed is kept as it is.",
    Format.OPUS: "Bit rate; 128 kbit/s is hard to tell from the original.",
    Format.OGG: "Vorbis' own scale: 4 is about 128 kbit/s, 6 about 192, 10 about 500.",
}


class SaveAudio(ListNode):
    returns_good_items = True

    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            "AIGatewaySaveAudio",
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
                io.Audio.Input("audio"),
                io.String.Input("filename_prefix", default="audio/AIgateway"),
                io.DynamicCombo.Input(
                    "format",
                    options=[
                        io.DynamicCombo.Option(format.value, [_quality_input(format)])
                        for format in QUALITIES
                    ],
                ),
                choice_input(
                    "peaks",
                    [choice.value for choice in Peaks],
                    Peaks.CLIP.value,
                    **host.ADVANCED,
                ),
                _samples_input("loop_start"),
                _samples_input("loop_length"),
                io.String.Input("title", default="", optional=True),
                io.String.Input("name", default="", optional=True),
                io.Boolean.Input("overwrite", default=False, optional=True),
                io.String.Input("markers", default="", optional=True, force_input=True),
                io.String.Input("lyrics", default="", optional=True, force_input=True),
                origin_input(),
                io.String.Input("licence", default="", optional=True),
                choice_input("engine", _ENGINES),
                io.String.Input("family", default="", optional=True),
                io.String.Input("intensity", default="", optional=True),
            ],
            outputs=[io.Audio.Output("audio"), io.String.Output("path")],
        )

    @classmethod
    def is_still_there(cls, output: io.NodeOutput) -> bool:
        return all(Path(line).exists() for line in str(output[1]).splitlines())

    @classmethod
    @shows_errors
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
        overwrite: bool = False,
        markers: str = "",
        lyrics: str = "",
        origin: str = OriginMarks.ON.value,
        licence: str = "",
        engine: str = Engine.NONE.value,
        family: str = "",
        intensity: str = "",
    ) -> io.NodeOutput:
        from ..audio.validate import check

        encoding = _encoding(format)
        loop = loop_points(loop_start, loop_length, encoding.format)
        title, name, licence, family, intensity = (
            trimmed(clean(value)) for value in (title, name, licence, family, intensity)
        )
        certificate = session.certificate()
        wanted = Engine(checked_choice("engine", engine, _ENGINES))
        marks = OriginMarks(checked_choice("origin", origin, ORIGINS))
        notes = _notes(checked_text("markers", markers))
        words = timed_words_of("lyrics", lyrics)
        checked = check(audio)
        graph = None
        if host.writes_metadata():
            graph = graph_tags(cls.hidden.prompt, cls.hidden.extra_pnginfo)
        sample_rate = checked["sample_rate"]
        saved: list[host.SavedFile] = []
        beside: dict[Path, str] = {}
        for waveform in checked["waveform"]:
            source, job = await maker_of(waveform, sample_rate)
            if job is not None:
                running_item().label = job.request.label
            tempo = Tempo(0.0, 0.0)
            if loop is not None or "%bpm%" in str(filename_prefix):
                prompt = job.prompt if job else ""
                tempo = await host.in_thread(tempo_of, waveform, sample_rate, prompt)
            saving = Saving(
                waveform,
                sample_rate,
                source,
                encoding,
                Peaks(peaks),
                loop,
                tempo,
                graph,
                job,
                title,
                name,
                notes,
                words,
                marks,
                licence,
                wanted,
                family,
                intensity,
                certificate,
            )
            prefix = _prefix(filename_prefix, saving)
            draft = Draft(prefix, encoding.format.extension)
            work = _saved(draft, saving, name * bool(overwrite))
            file, others = await host.interruptible(work)
            saved.append(file)
            beside |= dict.fromkeys(others, file.subfolder)
        item = running_item()
        item.passed()
        # The items of a list share a manifest and credits.
        for path in item.batch.listed & beside.keys():
            del beside[path]
        item.batch.listed.update(beside)
        files = [_shown(file.path, file.subfolder) for file in saved]
        paths = "\n".join(str(file.path) for file in saved)
        ui: dict[str, list[Any]] = {"audio": files}
        if beside:
            ui["files"] = [_shown(path, subfolder) for path, subfolder in beside.items()]
        if loop is not None:
            seams = json.dumps(loop_seam(loop.start, loop.end, sample_rate))
            # Text, because ComfyUI counts objects as outputs.
            ui["aigateway_seams"] = [seams] * len(files)
        return io.NodeOutput(audio, paths, ui=ui)


def _shown(path: Path, subfolder: str) -> dict[str, str]:
    return {"filename": path.name, "subfolder": subfolder, "type": "output"}


async def _saved(draft: Draft, saving: Saving, over: str) -> tuple[host.SavedFile, Sequence[Path]]:
    """Save one file, and return it with the files beside it.

    Files of a list are written in parallel, but numbered in the list's order.

    Args:
        over: the name in the manifest whose file is replaced; empty: none.
    """
    try:
        written = await host.in_thread(draft.fill, saving.write)
        await running_item().turn()
        file = await host.in_thread(draft.publish, over, running_item().batch.written)
    finally:
        draft.give_up()
    beside = await host.in_thread(saving.write_beside, file.path, written, draft.own)
    return file, beside


def _notes(text: str) -> Markers | None:
    """The markers in a text. Raises MediaError: the text is not that of Fit Music."""
    if not text.strip():
        return None
    from ..music.markers import read_markers

    return read_markers(text)


def _quality_input(format: Format) -> io.Combo.Input:
    return io.Combo.Input(
        "quality",
        options=list(QUALITIES[format]),
        default=DEFAULT_QUALITY[format],
        tooltip=_QUALITY_TOOLTIPS[format],
    )


def _samples_input(name: str) -> io.Int.Input:
    return io.Int.Input(name, default=0, min=0, max=2**31 - 1, optional=True)


def _encoding(given: Any) -> Encoding:
    """The chosen format and quality. Raises InputError: the choice does not exist."""
    # ComfyUI does not check a format that a script sends, and drops an unknown one. The audio may
    # be paid for already, so it is always saved.
    chosen = given if isinstance(given, Mapping) else {"format": given}
    name, quality = chosen.get("format"), chosen.get("quality")
    if name is None:
        name = Format.FLAC.value
        say("the format is missing or unknown, so the audio is saved as FLAC")
    known = [format.value for format in Format]
    format = Format(checked_choice("format", name, known))
    if quality is not None:
        checked_choice(f"quality of {name}", quality, QUALITIES[format])
    return Encoding(format, quality or DEFAULT_QUALITY[format])


def _prefix(prefix: object, saving: Saving) -> str:
    values = {"title": saving.title, "bpm": saving.tempo.shown}
    job = saving.job
    if job is not None:
        values |= {"take": str(job.take), "job_id": job.job_id or ""}
        values["title"] = saving.title or shortened(job.prompt, TITLE_LENGTH).rstrip("…")
    if isinstance(prefix, str):
        prefix = unquoted(prefix)
    if saving.name and isinstance(prefix, str):
        name = SEPARATORS.sub("_", saving.name)
        prefix = f"{prefix}/{name}" if prefix.strip() else name
    safe = safe_prefix(prefix, values, time.localtime(), host.output_directory())
    try:
        return flat(safe) if session.settings().flat_output else safe
    except SettingsError:
        return safe  # a mistake in the settings must not lose audio that was paid for
