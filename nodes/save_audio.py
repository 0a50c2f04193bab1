"""SaveAudio: from AUDIO to a file in ComfyUI's output folder."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..audio.formats import DEFAULT_QUALITY, QUALITIES, Encoding, Format, Peaks
from ..files.atomic import write_file
from . import again, host, receipt, session

if TYPE_CHECKING:
    import torch


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
                    tooltip="Folder under output/ and beginning of the name. A number is added.",
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
    @host.shows_errors
    async def execute(
        cls, audio: Any, filename_prefix: str, format: dict[str, str], peaks: str = Peaks.CLIP.value
    ) -> io.NodeOutput:
        from ..audio.samples.origin import provenance_of
        from ..audio.validate import check

        checked = check(audio)
        kind = Format(format["format"])
        encoding = Encoding(kind, format.get("quality") or DEFAULT_QUALITY[kind])
        graph = None
        if host.writes_metadata():
            graph = receipt.graph_tags(cls.hidden.prompt, cls.hidden.extra_pnginfo)
        sample_rate = checked["sample_rate"]
        slots: list[host.Slot] = []
        for waveform in checked["waveform"]:
            found = await asyncio.to_thread(provenance_of, waveform, sample_rate)
            tags = None
            if graph is not None:
                duration = waveform.shape[-1] / sample_rate
                tags = {**graph, **await _receipt(found.source if found else None, duration)}
            work = asyncio.to_thread(
                _save,
                waveform,
                sample_rate,
                found.source if found and found.exact else None,
                filename_prefix,
                encoding,
                Peaks(peaks),
                tags,
            )
            # A file that is being written is finished before an interrupt ends the node.
            slots.append(await host.interruptible(asyncio.shield(work)))
        files = [
            {"filename": slot.path.name, "subfolder": slot.subfolder, "type": "output"}
            for slot in slots
        ]
        paths = "\n".join(str(slot.path) for slot in slots)
        return io.NodeOutput(audio, paths, ui={"audio": files})


def _save(
    waveform: torch.Tensor,
    sample_rate: int,
    source: Path | None,
    filename_prefix: str,
    encoding: Encoding,
    peaks: Peaks,
    tags: Mapping[str, str] | None,
) -> host.Slot:
    """Write one waveform [C, T]; `source` is the file that holds its samples unchanged."""
    from ..audio.encode import encode
    from ..audio.retag import format_of, retag

    extension, skip = encoding.format.extension, 0
    passed_on = source is not None and format_of(source) is encoding.format
    while True:
        slot = host.output_slot(filename_prefix, extension, skip=skip)
        try:
            if source is not None and passed_on:
                dropped = retag(source, slot.path, tags or {})
            else:
                report = encode(waveform, sample_rate, slot.path, encoding, tags=tags, peaks=peaks)
                dropped = report.dropped_tags
                if report.clipped:
                    _say(f"{report.clipped} samples above full scale were clipped")
                elif report.gain != 1:
                    _say(f"turned down to {report.gain:.0%}, so that no sample is clipped")
            break
        except FileExistsError:
            # Another node took the number in the meantime.
            skip += 1
    if tags and (dropped or extension == ".wav"):
        # The frontend reads no WAV, and a full file has no graph: a sidecar restores it.
        _write_sidecar(slot.path.with_suffix(".json"), tags, dropped)
    return slot


async def _receipt(source: Path | None, duration: float) -> dict[str, str]:
    """The receipt of the job of which `source` is the stored track."""
    job = await (await session.library()).job_of_file(source) if source is not None else None
    return {} if job is None else receipt.job_tags(job, duration)


def _write_sidecar(path: Path, tags: Mapping[str, str], dropped: tuple[str, ...]) -> None:
    """The graph as a file of its own: the workflow, or the prompt of a script."""
    graph = tags.get("workflow") or tags.get("prompt")
    if graph is not None:
        write_file(path, graph.encode(), durable=False)
    if dropped:
        where = f"drop {path.name} on the canvas to restore the graph" if graph else "left out"
        _say(f"the audio file has no room for {' and '.join(dropped)}: {where}")


def _say(line: str) -> None:
    host.log.info("Save Audio: %s.", line)
    host.show_status(line)
