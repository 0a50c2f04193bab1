"""SaveAudio: from AUDIO to a file in ComfyUI's output folder."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from comfy_api.latest import io

from . import host

# Kept here too, so that torch and the codecs are not loaded to describe a node; a test compares.
QUALITIES = {
    "flac": ("16 bit", "24 bit"),
    "wav": ("16 bit", "24 bit", "32 bit float"),
    "mp3": ("V0", "320 kbit/s", "192 kbit/s", "128 kbit/s"),
    "opus": ("64 kbit/s", "96 kbit/s", "128 kbit/s", "192 kbit/s", "256 kbit/s", "320 kbit/s"),
}
DEFAULT_QUALITIES = {"flac": "16 bit", "wav": "16 bit", "mp3": "V0", "opus": "128 kbit/s"}
_TOOLTIPS = {
    "flac": "Samples per channel; 24 bit keeps more than any delivered file holds.",
    "wav": "Samples per channel; float keeps peaks above full scale.",
    "mp3": "V0 is the best variable rate; the others are constant.",
    "opus": "Bit rate; 128 kbit/s is hard to tell from the original.",
}


class SaveAudio(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            node_id="AIGatewaySaveAudio",
            display_name="Save Audio (AIgateway)",
            description=(
                "Saves audio to ComfyUI's output folder as FLAC, WAV, MP3 or Opus, with the "
                "workflow inside, and hands the audio on."
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
                            name,
                            [
                                io.Combo.Input(
                                    "quality",
                                    options=list(qualities),
                                    default=DEFAULT_QUALITIES[name],
                                    tooltip=_TOOLTIPS[name],
                                )
                            ],
                        )
                        for name, qualities in QUALITIES.items()
                    ],
                    tooltip="FLAC and WAV are lossless; MP3 and Opus are small.",
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
    async def execute(
        cls, audio: Any, filename_prefix: str, format: dict[str, str]
    ) -> io.NodeOutput:
        from ..audio.buffer import check
        from ..audio.encode import Encoding, Format

        checked = check(audio)
        name = format["format"]
        encoding = Encoding(Format(name), format.get("quality") or DEFAULT_QUALITIES[name])
        tags = cls._tags()
        slots = []
        for waveform in checked["waveform"]:
            slots.append(
                await asyncio.to_thread(
                    _save, waveform, checked["sample_rate"], filename_prefix, encoding, tags
                )
            )
        shown = [
            {"filename": slot.path.name, "subfolder": slot.subfolder, "type": "output"}
            for slot in slots
        ]
        paths = "\n".join(str(slot.path) for slot in slots)
        return io.NodeOutput(audio, paths, ui={"audio": shown})

    @classmethod
    def _tags(cls) -> dict[str, str]:
        """The graph, as ComfyUI's frontend reads it back from a dropped file: JSON in ASCII."""
        if not host.writes_metadata() or cls.hidden is None:
            return {}
        tags = {}
        if cls.hidden.prompt is not None:
            tags["prompt"] = json.dumps(cls.hidden.prompt)
        for key, value in (cls.hidden.extra_pnginfo or {}).items():
            tags[key] = json.dumps(value)
        return tags


def _save(waveform: Any, sample_rate: int, filename_prefix: str, encoding: Any, tags: Any) -> Any:
    from ..audio.encode import encode

    skip = 0
    while True:
        slot = host.output_slot(filename_prefix, encoding.format.extension, skip=skip)
        try:
            encode(waveform, sample_rate, slot.path, encoding, tags=tags)
            return slot
        except FileExistsError:
            # Another node took the number in the meantime.
            skip += 1
