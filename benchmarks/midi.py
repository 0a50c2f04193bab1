"""MIDI files: notes to a file, and the beats and bars of a file's tempo map."""

from __future__ import annotations

import struct
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

_TICKS = 960
"""Ticks a second of a written file: 480 a quarter at 120 bpm."""


class Note(NamedTuple):
    """A note; times in seconds."""

    channel: int
    pitch: int
    start: float
    end: float
    velocity: int


class Course(NamedTuple):
    """The tempo map of a MIDI file."""

    beats: np.ndarray
    """[n] seconds of every beat that its time signatures count."""
    places: np.ndarray
    """[n] place of each beat in its bar, 0 for downbeats."""
    onsets: np.ndarray
    """[m] seconds of the notes, ascending."""
    shares: np.ndarray
    """[m] place of each note within its beat, 0 to 1."""


def played(data: bytes, font: Path, size: int, *options: str) -> bytes:
    """The first `size` bytes of a MIDI file's sound by fluidsynth, without a header: stereo, each
    frame after the other. Fewer bytes if the sound is shorter.

    OSError if fluidsynth cannot be started.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "piece.mid"
        source.write_bytes(data)
        command = ["fluidsynth", "-ni", "-q", *options, "-T", "raw", "-F", "-", str(font)]
        command.append(str(source))
        # After some files fluidsynth does not stop by itself: read what is needed, and end it.
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            heard = process.stdout.read(size)
            process.kill()
    return heard


def midi_file(notes: Sequence[Note], programs: Mapping[int, int], seconds: float) -> bytes:
    """A MIDI file of format 0 with `notes`; `programs` names each channel's instrument."""
    events = [(0, 0, b"\xff\x51\x03" + (500_000).to_bytes(3, "big"))]
    events += [(0, 0, bytes((0xC0 | channel, number))) for channel, number in programs.items()]
    for note in notes:
        first = round(note.start * _TICKS)
        last = max(round(note.end * _TICKS), first + 20)
        events.append((first, 2, bytes((0x90 | note.channel, note.pitch, note.velocity))))
        events.append((last, 1, bytes((0x80 | note.channel, note.pitch, 0))))
    events.sort(key=lambda event: event[:2])
    events.append((max(events[-1][0], round(seconds * _TICKS)), 3, b"\xff\x2f\x00"))
    body, now = bytearray(), 0
    for tick, _, data in events:
        body += _variable(tick - now) + data
        now = tick
    head = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, 480)
    return head + struct.pack(">4sI", b"MTrk", len(body)) + bytes(body)


def _variable(value: int) -> bytes:
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))


def course(data: bytes) -> Course:
    """The beats of a MIDI file, from its tempo map. ValueError where it has no notes."""
    clock, signatures, notes, last = _Clock(data), {0: (4, 4)}, [], 0
    for begin, end in clock.tracks:
        for tick, status, body in _events(data[begin:end]):
            if status == 0x58:
                signatures[tick] = (body[0], 1 << body[1])
            elif status & 0xF0 == 0x90 and body[1]:
                notes.append(tick)
            last = max(last, tick)
    if not notes:
        raise ValueError("The MIDI file has no notes.")
    beats, places, edges = [], [], [*sorted(signatures), last + 1]
    for begin, end in pairwise(edges):
        count, unit = signatures[begin]
        ticks = np.arange(begin, end, clock.division * 4 // unit)
        beats.append(ticks)
        places.append(np.arange(ticks.shape[0]) % count)
    ticks, onsets = np.concatenate(beats), np.sort(np.array(notes))
    index = np.maximum(np.searchsorted(ticks, onsets, side="right") - 1, 0)
    width = np.append(np.diff(ticks), clock.division)
    shares = (onsets - ticks[index]) / np.maximum(width[index], 1)
    return Course(clock.seconds(ticks), np.concatenate(places), clock.seconds(onsets), shares)


def read_notes(data: bytes) -> tuple[list[Note], dict[int, int]]:
    """The notes of a MIDI file and the first instrument of each channel.

    Channels are numbered anew, one for each channel of each track; drums stay at 9.
    """
    clock, notes, programs = _Clock(data), [], {}
    channels: dict[tuple[int, int], int] = {}
    free = [number for number in range(16) if number != 9]
    for track, (begin, end) in enumerate(clock.tracks):
        held: dict[tuple[int, int], tuple[int, int]] = {}
        for tick, status, body in _events(data[begin:end]):
            kind, channel = status & 0xF0, status & 0x0F
            if kind not in (0x80, 0x90, 0xC0):
                continue
            number = 9
            if channel != 9:
                number = channels.setdefault((track, channel), free[len(channels) % len(free)])
            if kind == 0xC0:
                programs.setdefault(number, body[0])
                continue
            before = held.pop((channel, body[0]), None)
            if before:
                first, last = (float(clock.seconds(one)) for one in (before[0], tick))
                notes.append(Note(number, body[0], first, last, before[1]))
            if kind == 0x90 and body[1]:
                held[channel, body[0]] = tick, body[1]
    return sorted(notes, key=lambda note: note.start), programs


class _Clock:
    """The tempo map of a MIDI file; `tracks` has the places of its tracks."""

    def __init__(self, data: bytes) -> None:
        kind, _, _, count, self.division = struct.unpack(">4sIHHH", data[:14])
        if kind != b"MThd" or self.division & 0x8000:
            raise ValueError("Expected a MIDI file with ticks by the quarter.")
        tempos, place, self.tracks = {0: 500_000}, 14, []
        for _ in range(count):
            size = struct.unpack(">I", data[place + 4 : place + 8])[0]
            self.tracks.append((place + 8, place + 8 + size))
            for tick, status, body in _events(data[place + 8 : place + 8 + size]):
                if status == 0x51:
                    tempos[tick] = int.from_bytes(body, "big")
            place += 8 + size
        self._changes = np.array(sorted(tempos))
        self._lengths = np.array([tempos[tick] for tick in sorted(tempos)]) / 1e6 / self.division
        elapsed = np.cumsum(np.diff(self._changes) * self._lengths[:-1])
        self._starts = np.concatenate(([0.0], elapsed))

    def seconds(self, ticks: np.ndarray | int) -> np.ndarray:
        index = np.searchsorted(self._changes, ticks, side="right") - 1
        return self._starts[index] + (ticks - self._changes[index]) * self._lengths[index]


def _events(body: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield (tick, status or type of meta event, data)."""
    place, tick, running = 0, 0, 0

    def number() -> int:
        nonlocal place
        value = 0
        while True:
            value = value << 7 | body[place] & 0x7F
            place += 1
            if body[place - 1] < 0x80:
                return value

    while place < len(body):
        tick += number()
        if body[place] & 0x80:
            running = body[place]
            place += 1
        if running in (0xF0, 0xF7, 0xFF):
            kind = running
            if running == 0xFF:
                kind = body[place]
                place += 1
            size = number()
            yield tick, kind if running == 0xFF else running, body[place : place + size]
        else:
            size = 1 if running & 0xF0 in (0xC0, 0xD0) else 2
            yield tick, running, body[place : place + size]
        place += size
