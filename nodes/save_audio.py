"""SaveAudio: from AUDIO to a file in ComfyUI's output folder."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..audio.formats import DEFAULT_QUALITY, QUALITIES, Encoding, Format, Peaks
from ..files.atomic import write_file
from . import gateway, host, receipt

if TYPE_CHECKING:
    import torch

    from ..api.ledger import Job

_TOOLTIPS = {
    Format.FLAC: "Bits of a sample; 24 keeps more than any delivered file holds.",
    Format.WAV: "Bits of a sample; float keeps peaks above full scale.",
    Format.MP3: "V0 is the best variable rate, the others are constant. A delivered MP3 that was "
    "not changed is kept as it is.",
    Format.OPUS: "Bit rate; 128 kbit/s is hard to tell from the original.",
}


class SaveAudio(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AIGatewaySaveAudio",
            display_name="Save Audio (AIgateway)",
            description=(
                "Saves audio to ComfyUI's output folder as FLAC, WAV, MP3 or Opus, with the "
                "workflow inside, and hands the audio on. Audio that was loaded from an address "
                "and not changed is saved in its own format as it was delivered."
            ),
            search_aliases=["export audio", "save music", "save wav", "save mp3", "save flac"],
            is_output_node=True,
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo],
            inputs=[
                io.Audio.Input("audio", tooltip="The audio to save; a batch makes several files."),
                io.String.Input(
                    "filename_prefix",
                    default="audio/AIgateway",
                    tooltip="Folder and beginning of the name under output/; a number is added.",
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
                    tooltip="What is done about samples above full scale: clip them, turn the "
                    "whole down, or refuse to save.",
                ),
            ],
            outputs=[
                io.Audio.Output(id="audio", display_name="audio", tooltip="The same audio."),
                io.String.Output(
                    id="path",
                    display_name="path",
                    tooltip="The file that was written; of a batch, one path a line.",
                ),
            ],
        )

    @classmethod
    @host.shows_errors
    async def execute(
        cls, audio: Any, filename_prefix: str, format: dict[str, str], peaks: str = Peaks.CLIP.value
    ) -> io.NodeOutput:
        from ..audio.validate import check

        checked = check(audio)
        kind = Format(format["format"])
        encoding = Encoding(kind, format.get("quality") or DEFAULT_QUALITY[kind])
        tags = None
        if host.writes_metadata():
            tags = receipt.graph_tags(cls.hidden.prompt, cls.hidden.extra_pnginfo)
        slots: list[host.Slot] = []
        for waveform in checked["waveform"]:
            work = asyncio.to_thread(
                _save,
                waveform,
                checked["sample_rate"],
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
    filename_prefix: str,
    encoding: Encoding,
    peaks: Peaks,
    graph: Mapping[str, str] | None,
) -> host.Slot:
    """Write one waveform [C, T]; `graph` None leaves every tag away."""
    from ..audio.encode import encode
    from ..audio.retag import retag
    from ..audio.samples.origin import origin_of

    source = origin_of(waveform, sample_rate)
    tags: dict[str, str] | None = None
    if graph is not None:
        job = _job_of(source)
        duration = waveform.shape[-1] / sample_rate
        tags = {**graph, **(receipt.job_tags(job, duration) if job is not None else {})}
    extension, skip = encoding.format.extension, 0
    while True:
        slot = host.output_slot(filename_prefix, extension, skip=skip)
        try:
            if source is not None and source.suffix == extension:
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
    if dropped:
        _say(f"the file has no room for {' and '.join(dropped)}, which were left out")
    if tags and extension == ".wav":
        # The frontend reads no WAV: a dropped sidecar restores the graph.
        _write_sidecar(slot.path.with_suffix(".json"), tags)
    return slot


def _job_of(source: Path | None) -> Job | None:
    return None if source is None else gateway.ledger().by_file(source)


def _write_sidecar(path: Path, tags: Mapping[str, str]) -> None:
    if "workflow" in tags:
        write_file(path, json.dumps(json.loads(tags["workflow"])).encode(), durable=False)


def _say(line: str) -> None:
    host.log.info("Save Audio: %s.", line)
    host.show_status(line)
