"""One file that Save Audio writes, and the files beside it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..audio.formats import Encoding, Format, Peaks
from ..files.atomic import write_new_file
from . import host, manifest, receipt
from .loop_notes import Tempo, loop_facts, loop_notes

if TYPE_CHECKING:
    import torch

    from ..api.money.job import Job
    from ..audio.containers.loop_points import LoopPoints


class Saving(NamedTuple):
    """What is saved.

    Attributes:
        waveform: [C, T].
        source: the file that holds the waveform unchanged, if there is one.
        loop: the file ends where the loop ends.
        graph: tags with the graph; None where files must not say what made them.
        job: what the waveform was bought with, if that is known.
        name: empty where no manifest is wanted.
    """

    waveform: torch.Tensor
    sample_rate: int
    source: Path | None
    encoding: Encoding
    peaks: Peaks
    loop: LoopPoints | None
    tempo: Tempo
    graph: Mapping[str, str] | None
    job: Job | None
    title: str
    name: str

    @property
    def frames(self) -> int:
        return self.loop.end if self.loop else self.waveform.shape[-1]

    @property
    def seconds(self) -> float:
        return self.frames / self.sample_rate

    @property
    def _graph_is_beside(self) -> bool:
        """Engines read one page of an Ogg's comments: the graph of a loop has no room there. The
        frontend does not read a WAV."""
        is_looped_ogg = self.loop is not None and self.encoding.format is Format.OGG
        return is_looped_ogg or self.encoding.format is Format.WAV

    def _tags(self) -> dict[str, str]:
        if self.graph is None:
            return {}
        inside = self.encoding.format is Format.WAV or not self._graph_is_beside
        tags = dict(self.graph) if inside else {}
        if self.job is not None:
            tags |= receipt.job_tags(self.job, self.seconds, self.title)
        elif self.title:
            tags["title"] = self.title
        return tags

    def write(self, path: Path) -> tuple[str, ...]:
        """Write the audio; returns the keys of the tags that were left out."""
        from ..audio.containers.loop_points import check_loop
        from ..audio.encode import encode
        from ..audio.retag import format_of, retag
        from ..audio.validate import AudioError

        tags, format, frames = self._tags(), self.encoding.format, self.waveform.shape[-1]
        if self.loop is not None:
            check_loop(self.loop, format, frames)
        is_whole = self.frames == frames
        # A file with broken tags, and one that is gone by now, is encoded like any other audio.
        with contextlib.suppress(AudioError, FileNotFoundError):
            if self.source is not None and is_whole and format_of(self.source) is format:
                return retag(self.source, path, tags, self.loop)
        report = encode(
            self.waveform,
            self.sample_rate,
            path,
            self.encoding,
            tags=tags,
            peaks=self.peaks,
            loop=self.loop,
        )
        if report.clipped:
            say(f"{report.clipped} samples above full scale were clipped")
        elif report.gain != 1:
            say(f"the volume is lowered to {report.gain:.0%}, so that no sample is clipped")
        return report.dropped_tags

    def write_beside(self, path: Path, dropped: tuple[str, ...]) -> None:
        """Write what stands beside the audio at `path`: its graph, its loop, and the manifest."""
        if self.graph and (dropped or self._graph_is_beside):
            _write_graph(path.with_suffix(".json"), self.graph, dropped)
        facts = None
        if self.loop is not None:
            facts = loop_facts(self.loop, self.sample_rate, self.tempo.measured)
            _write_new(path.with_suffix(".loop.json"), loop_notes(path.name, facts), "the loop")
        if self.name:
            job = self.job
            entry = manifest.entry(path, self.name, self.title, job, self.seconds, facts)
            manifest.add(path.parent, entry)


def _write_graph(path: Path, tags: Mapping[str, str], dropped: tuple[str, ...]) -> None:
    """Write the graph beside the audio: the workflow, or the prompt of a script."""
    graph = tags.get("workflow") or tags.get("prompt")
    if graph is not None and not _write_new(path, graph.encode(), "the workflow"):
        return
    if dropped:
        where = f"drop {path.name} on the canvas to restore the graph" if graph else "left out"
        say(f"the audio file has no room for {' and '.join(dropped)}: {where}")


def _write_new(path: Path, content: bytes, what: str) -> bool:
    """Write a file beside the audio. Somebody else's file of that name stays, and False returns."""
    try:
        write_new_file(path, content, durable=False)
    except FileExistsError:
        say(f"{path.name} is another file and is kept, so {what} is not saved beside")
        return False
    return True


def say(line: str) -> None:
    """Say it in the log and under the node."""
    host.log.info("Save Audio: %s.", line)
    host.show_status(line)
