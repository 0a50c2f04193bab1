"""One file that Save Audio writes: its draft, its loop points, and the files beside it."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from ..api.base.errors import InputError
from ..audio.formats import Encoding, Format, Peaks
from ..files.atomic import write_file, write_new_file
from ..files.hashed import digest_of
from . import host
from .disclosure import OriginMarks, origin_tags
from .engines import Engine, godot_options
from .receipt import (
    Listed,
    add_to_manifest,
    expect_in_manifest,
    job_tags,
    listed_files,
    manifest_entry,
)

if TYPE_CHECKING:
    import torch

    from ..api.money.job import Job
    from ..audio.containers.loop_points import LoopPoints
    from ..music.markers import Markers
    from ..music.timed_words import TimedWord

T = TypeVar("T")

_ASKED = re.compile(r"(?<![\d.])(\d{2,3}(?:\.\d{1,2})?)\s*bpm\b", re.IGNORECASE)
_SLOWEST, _FASTEST = 20, 400
_WHOLE = 0.1
"""Tolerance in beats: a loop whose length is this close to whole beats has whole beats."""


class Draft:
    """A hidden unfinished file in the folder of the finished one. It has no number yet.

    An interrupt removes this file.

    Args:
        prefix: see `host.publish`.
        extension: with its dot.
    """

    def __init__(self, prefix: str, extension: str) -> None:
        self._prefix = prefix
        self._extension = extension
        self._path: Path | None = None
        self._lock = threading.Lock()
        self._is_given_up = False
        self.own: list[Path] = []
        """Files of the pack beside the file that `publish` replaced."""

    def fill(self, write: Callable[[Path], T]) -> T:
        """Let `write` write the file."""
        path = host.draft_path(self._prefix, self._extension)
        result = write(path)
        with self._lock:
            self._path = path
            if self._is_given_up:
                path.unlink(missing_ok=True)
        return result

    def publish(self, name: str = "", written: set[Path] | None = None) -> host.SavedFile:
        """Give the file its number, or the place of the file that was saved as `name` before.

        Args:
            name: in the manifest; empty: the file gets a number.
            written: files of this run, which stay. The file is added.

        Raises:
            FileNotFoundError: the file was given up.
        """
        with self._lock:
            if self._path is None or self._is_given_up:
                raise FileNotFoundError("The file is not complete: queue again.")
            written = set() if written is None else written
            old = _last(self._path.parent, name, self._extension, written) if name else None
            if old is None:
                file = host.publish(self._path, self._prefix)
            else:
                expect_in_manifest(old.path, {old.path.name: digest_of(self._path)})
                file = host.publish_over(self._path, old.path)
                self.own = old.beside
            written.add(file.path)
            return file

    def give_up(self) -> None:
        """Remove the file now, or after `fill` has written it. A published file stays."""
        with self._lock:
            self._is_given_up = True
            if self._path is not None:
                self._path.unlink(missing_ok=True)


def _last(folder: Path, name: str, extension: str, written: set[Path]) -> Listed | None:
    """The file that an earlier run saved as `name`, if it is still the file of that run."""
    for listed in listed_files(folder, name, extension):
        if listed.path in written:
            continue
        if listed.is_own:
            return listed
        say(f"another program changed {listed.path.name}, so it is kept and a new file is written")
    return None


# Loop points


def loop_points(start: int, length: int, format: Format) -> LoopPoints | None:
    """The loop that the two inputs describe; None if `length` is 0.

    Raises:
        MediaError: files of the format cannot store a loop.
        InputError: an input is below 0, or there is a start without a length.
    """
    from ..audio.containers.loop_points import LoopPoints, check_holds_loop

    for name, count in (("loop_start", start), ("loop_length", length)):
        if count < 0:
            raise InputError(f"{name} is {count}, and 0 or more samples are expected.")
    loop = LoopPoints(start, length)
    if not loop.length:
        if loop.start:
            raise InputError(
                f"loop_start is {loop.start}, and loop_length is 0: connect both of Make Loop, or "
                "set both to 0."
            )
        return None
    check_holds_loop(format)
    return loop


class Tempo(NamedTuple):
    """Tempos in bpm; 0 if a tempo is not known."""

    asked: float
    measured: float

    @property
    def shown(self) -> str:
        """Text for a file's name: the requested tempo, else the measured one, else ""."""
        bpm = self.asked or round(self.measured)
        return f"{bpm:g}" if bpm else ""


def tempo_of(waveform: torch.Tensor, sample_rate: int, prompt: str) -> Tempo:
    """The tempo of a waveform [channels, samples], and the one that the prompt asks for."""
    from ..audio.arrays import MediaError
    from ..music.track import read_track

    found = _ASKED.search(prompt)
    asked = float(found[1]) if found and _SLOWEST <= float(found[1]) <= _FASTEST else 0.0
    try:
        beats = read_track(waveform.numpy(), sample_rate, asked).beats
    except MediaError:
        return Tempo(asked, 0.0)
    return Tempo(asked, beats.bpm if beats.steady else 0.0)


def loop_facts(loop: LoopPoints, sample_rate: int, bpm: float) -> dict[str, Any]:
    """A loop in samples, seconds and beats; `bpm` is 0 if the tempo is not known.

    If the loop has whole beats, its bpm is exact: a game engine that counts beats never drifts.
    """
    seconds = loop.length / sample_rate
    beats = seconds * bpm / 60
    whole = round(beats) if beats >= 1 and abs(beats - round(beats)) <= _WHOLE else None
    exact = 60 * whole / seconds if whole else bpm or None
    return {
        "sample_rate": sample_rate,
        "loop_start": loop.start,
        "loop_length": loop.length,
        "loop_end": loop.end,
        "loop_start_seconds": round(loop.start / sample_rate, 9),
        "loop_length_seconds": round(seconds, 9),
        "bpm": None if exact is None else round(exact, 6),
        "beats": whole,
    }


def loop_notes(filename: str, facts: dict[str, Any]) -> bytes:
    """The JSON beside a looped file. `godot` has the options of Godot's import of Ogg and MP3."""
    notes = {"file": filename, **facts, "godot": godot_options(facts)}
    return json.dumps(notes, indent=2).encode()


# The audio file and the files beside it


class Written(NamedTuple):
    """A written audio file: the keys of the tags that are not in it, and what was changed."""

    dropped: tuple[str, ...]
    changes: tuple[str, ...]


class Saving(NamedTuple):
    """A waveform that is saved into a file.

    Attributes:
        waveform: [C, T].
        source: the file that holds the waveform unchanged, if there is one.
        loop: the loop points; the file ends at the loop's end.
        graph: tags with the graph; None if files must not contain it.
        job: the job that made the waveform, if it is known.
        name: the name in the manifest; empty if no manifest is wanted.
        markers: what the files for editors of video hold; None if none are wanted.
        lyrics: the words that are sung, with their times; empty if they are not known.
        marks: whether the file says where its music comes from.
        licence: the person's words on the licence; may be empty.
        engine: the engine that gets files beside a named file.
        certificate: the PEM file to sign with; "" for no signature.
        family, intensity: the words for a member of a family; may be empty.
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
    markers: Markers | None
    lyrics: Sequence[TimedWord] = ()
    marks: OriginMarks = OriginMarks.ON
    licence: str = ""
    engine: Engine = Engine.NONE
    family: str = ""
    intensity: str = ""
    certificate: str = ""

    @property
    def frames(self) -> int:
        return self.loop.end if self.loop else self.waveform.shape[-1]

    @property
    def seconds(self) -> float:
        return self.frames / self.sample_rate

    @property
    def _graph_is_beside(self) -> bool:
        """Whether a file beside the audio has the graph. Engines read one page of Ogg comments,
        too small for the graph of a looped Ogg. ComfyUI's frontend alone does not read WAV."""
        is_looped_ogg = self.loop is not None and self.encoding.format is Format.OGG
        return is_looped_ogg or self.encoding.format is Format.WAV

    def _tags(self) -> dict[str, str]:
        tags: dict[str, str] = {}
        if self.graph is not None:
            if self.encoding.format is Format.WAV or not self._graph_is_beside:
                tags |= self.graph
            if self.job is not None:
                tags |= job_tags(self.job, self.seconds, self.title)
            elif self.title:
                tags["title"] = self.title
            if words := self._heard_words():
                from ..music.timed_words import lrc

                # ID3 has a place for the times of words.
                by_word = self.encoding.format in (Format.MP3, Format.WAV)
                tags["LYRICS"] = lrc(words, by_word=by_word)
        if self.marks is not OriginMarks.OFF:
            tags |= origin_tags(self.job, self.title, self.marks) if self.job else {}
            tags |= {"license": self.licence} if self.licence else {}
        return tags

    def _heard_words(self) -> list[TimedWord]:
        """The words of the lyrics that begin before the file ends."""
        return [word for word in self.lyrics if word.start < self.seconds]

    def _changes(self, *of_samples: str) -> tuple[str, ...]:
        """The changes since the delivery, in words."""
        edited = [] if self.source else ["edited in ComfyUI"]
        ended = ["ends where its loop ends"] if self.frames < self.waveform.shape[-1] else []
        encoded = f"encoded as {self.encoding.format.value}, {self.encoding.quality}"
        return (*edited, *ended, encoded, *of_samples)

    def write(self, path: Path) -> Written:
        """Write the audio, and sign it if there is a certificate."""
        written = self._write(path)
        if self.certificate and self.job is not None and self.marks is not OriginMarks.OFF:
            from .signing import sign

            if reason := sign(path, self.job, self.certificate):
                say(reason)
        return written

    def _write(self, path: Path) -> Written:
        from ..audio.arrays import MediaError
        from ..audio.containers.loop_points import check_loop
        from ..audio.retag import format_of, retag
        from ..music.encoded_level import encode_at_level

        tags, format, frames = self._tags(), self.encoding.format, self.waveform.shape[-1]
        if self.loop is not None:
            check_loop(self.loop, format, frames)
        is_whole = self.frames == frames
        # If the source file has broken tags or no longer exists, encode the waveform.
        with contextlib.suppress(MediaError, FileNotFoundError):
            if self.source is not None and is_whole and format_of(self.source) is format:
                return Written(retag(self.source, path, tags, self.loop), ("only tags added",))
        report, note = encode_at_level(
            self.waveform.numpy(),
            self.sample_rate,
            path,
            self.encoding,
            tags=tags,
            peaks=self.peaks,
            loop=self.loop,
        )
        if note:
            say(note.rstrip("."))
        of_samples = []
        if report.clipped:
            of_samples = [f"{report.clipped} samples above full scale were clipped"]
            say(*of_samples)
        elif report.gain != 1:
            of_samples = [f"the volume is lowered to {report.gain:.0%}"]
            say(f"{of_samples[0]}, so that no sample is clipped")
        return Written(report.dropped_tags, self._changes(*of_samples))

    def write_beside(self, path: Path, written: Written, own: Sequence[Path]) -> Sequence[Path]:
        """Write the files beside the audio at `path`: its graph, loop, markers, lyrics, and the
        manifest.

        Args:
            own: files of the pack beside the file that stood there; they are replaced or removed.
        """
        dropped = written.dropped
        beside: dict[Path, tuple[str, bytes]] = {}
        graph = (self.graph or {}).get("workflow") or (self.graph or {}).get("prompt")
        if graph and (dropped or self._graph_is_beside):
            beside[path.with_suffix(".json")] = "the workflow", graph.encode()
        facts = None
        if self.loop is not None:
            facts = loop_facts(self.loop, self.sample_rate, self.tempo.measured)
            beside[path.with_suffix(".loop.json")] = "the loop", loop_notes(path.name, facts)
        if self.markers is not None:
            from ..music.markers import files_of

            for ending, text in files_of(self.markers, path.stem).items():
                beside[path.with_suffix(ending)] = "a file of markers", text.encode()
        lyrics = path.with_suffix(".lrc")
        if words := self._heard_words():
            from ..music.timed_words import lrc, srt

            beside[lyrics] = "the lyrics", lrc(words).encode()
            beside[path.with_suffix(".srt")] = "the subtitles", srt(words).encode()
        elif self.lyrics:
            say("the lyrics begin after the end of the file, so they are not saved")
        if own:
            new = {file.name: sha256(content).hexdigest() for file, (_, content) in beside.items()}
            expect_in_manifest(path, new)
        files = [path]
        for file, (name, content) in beside.items():
            if _write(file, content, name, replaces=file in own):
                files.append(file)
        for file in set(own) - set(files):
            file.unlink(missing_ok=True)
        if dropped and (not graph or path.with_suffix(".json") in files):
            where = f"drop {path.stem}.json on the canvas to restore the graph"
            where = where if graph else "left out"
            say(f"the audio file has no room for {' and '.join(dropped)}: {where}")
        if self.name:
            entry = manifest_entry(
                files,
                self.name,
                self.title,
                self.job,
                self.seconds,
                facts,
                self.marks,
                self.licence,
                written.changes,
            )
            entry["lyrics"] = lyrics.name if lyrics in files else None
            entry |= {"family": self.family or None, "intensity": self.intensity or None}
            entry["engine"] = self.engine.value
            written_too, stays = add_to_manifest(path.parent, entry)
            files.extend(written_too)
            if stays:
                more = f" and {len(stays) - 1} more" if len(stays) > 1 else ""
                say(f"another program changed {stays[0].name}{more}, so the file is kept")
        return files[1:]


def _write(path: Path, content: bytes, name: str, *, replaces: bool) -> bool:
    """Write a file beside the audio. False if another program's file has that name: it stays."""
    if replaces:
        write_file(path, content, durable=False)
        return True
    try:
        write_new_file(path, content, durable=False)
    except FileExistsError:
        say(f"{path.name} is another file and is kept, so {name} is not saved beside")
        return False
    return True


def say(line: str) -> None:
    """Write a line into the log and under the node."""
    host.log.info("Save Audio: %s.", line)
    host.show_status(line)
