"""Files that a game engine reads beside the audio: a folder that drops into a project.

Godot's text resources are those of Godot 4.3 and later; their properties are bound in its sources,
`modules/interactive_music` and `modules/vorbis/resource_importer_ogg_vorbis.cpp`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from ..music.methods import LAYERS

MARK = "AIgateway Music writes this file anew with each track"
"""The words in each file that the pack may write over."""
BEATS_IN_BAR = 4
_MOST_CLIPS = 63
_MOST_STREAMS = 32
_UNSAFE = re.compile(r"[^\w .()-]+")


class Engine(str, Enum):
    """The engine that the files are for."""

    NONE = "none"
    GODOT = "Godot"
    UNITY = "Unity"
    FMOD = "FMOD"
    WWISE = "Wwise"
    RPG_MAKER = "RPG Maker"


_HOW = {
    Engine.UNITY: "Put the folder into `Assets`, with WAV or Ogg. Unity repeats a whole clip and "
    "reads no loop points. A file whose `loop start` is 0 loops with `AudioSource.loop`. For "
    "others, let `AudioSource.PlayScheduled` play the file once, and then its part from `loop "
    "start` again and again: divide the samples by the rate. Each layer of a track plays in its "
    "AudioSource: `PlayScheduled` starts them at one time, and `volume` fades them.",
    Engine.FMOD: "Drag the files into the Audio Bin. On the timeline of an event, add a loop "
    "region from `loop start` to `loop end`, and a tempo marker with the bpm. The members of a "
    "family, or the layers of a track, are tracks of one event, and one parameter sets their "
    "volumes.",
    Engine.WWISE: "Import the files as music segments. Set the bpm and 4/4, the entry cue to `loop "
    "start` and the exit cue to `loop end`. The members of a family are segments of one Music "
    "Switch Container: its transitions exit at Next Bar and sync to Same Time as Playing Segment. "
    "The layers of a track are tracks of one segment, and a game parameter (RTPC) sets their "
    "volumes.",
    Engine.RPG_MAKER: "Put the Ogg files into `audio/bgm`. RPG Maker MV and MZ read the tags "
    "LOOPSTART and LOOPLENGTH in Ogg, and in no other format. They play one file at a time: they "
    "fade no layers.",
}


def files_for_engines(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The files of a folder by name, from the entries of its manifest."""
    files: dict[str, str] = {}
    for engine in Engine:
        chosen = [entry for entry in entries if entry.get("engine") == engine.value]
        if engine is Engine.GODOT:
            files |= _for_godot(chosen)
        elif engine in _HOW and chosen:
            files[f"IMPORT {engine.value}.md"] = _notes(engine, chosen)
    return files


# Godot


def godot_options(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The options of Godot's import of Ogg and MP3 for a loop, from `loop_facts`."""
    starts_at_once = facts["loop_start"] == 0 and facts["beats"] is not None
    return {
        "loop": True,
        "loop_offset": facts["loop_start_seconds"],
        # Godot counts the beats of the whole file, and 0 lets it play the whole file.
        "bpm": facts["bpm"] or 0,
        "beat_count": facts["beats"] if starts_at_once else 0,
        "bar_beats": BEATS_IN_BAR,
    }


def _for_godot(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    files = {
        f"{entry['file']}.import": _import_file(entry["loop"])
        for entry in entries
        # Godot finds the loop of a WAV in the file itself.
        if entry.get("loop") and str(entry["file"]).endswith(".ogg")
    }
    families: dict[str, list[Mapping[str, Any]]] = {}
    for entry in entries:
        if entry.get("family"):
            families.setdefault(str(entry["family"]), []).append(entry)
    for family, members in families.items():
        name = _UNSAFE.sub("_", family).strip(" .") or "family"
        if len(members) > 1:
            if not _are_layers(members):
                files[f"{name}.interactive.tres"] = _interactive(members[:_MOST_CLIPS])
            once = _stingers(members)
            at_once = [member for index, member in enumerate(members) if index not in once]
            files[f"{name}.synchronized.tres"] = _synchronized(at_once[:_MOST_STREAMS])
    return files


def _are_layers(members: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the members are layers of one track, which are heard together."""
    return all(member.get("intensity") in LAYERS for member in members)


def _import_file(facts: Mapping[str, Any]) -> str:
    """The file of import options that Godot stores beside a sound. Godot adds the rest at its next
    import."""
    options = {**godot_options(facts), "edit/volume_db": 0.0}
    params = "\n".join(f"{key}={json.dumps(value)}" for key, value in options.items())
    return (
        '[remap]\n\nimporter="oggvorbisstr"\ntype="AudioStreamOggVorbis"\n\n'
        f'[params]\n\n{params}\n\n[aigateway]\n\nnote="{MARK}."\n'
    )


def _interactive(members: Sequence[Mapping[str, Any]]) -> str:
    """One clip for each member. A change waits for the next bar, and the new clip goes on at the
    same position."""
    lines = [f"clip_count = {len(members)}"]
    for index, member in enumerate(members):
        lines += [
            f"clip_{index}/name = &{_text(member.get('intensity') or member['name'])}",
            f'clip_{index}/stream = ExtResource("{index + 1}")',
            f"clip_{index}/auto_advance = 0",
        ]
    # From any clip (-1) to any at NEXT_BAR: to the SAME_POSITION with CROSS, and to a stinger at
    # START with OUT, so that its attack is whole.
    changes = [_change("-1", fade=3, to=0)]
    changes += [_change(str(index), fade=2, to=1) for index in _stingers(members)]
    lines += ["initial_clip = 0", f"_transitions = {{\n{','.join(changes)}\n}}"]
    return _resource("AudioStreamInteractive", members, lines)


def _change(clip: str, fade: int, to: int) -> str:
    how = f'"fade_beats": 1.0,\n"fade_mode": {fade},\n"from_time": 2,\n"to_time": {to}'
    return f"Vector2i(-1, {clip}): {{\n{how}\n}}"


def _stingers(members: Sequence[Mapping[str, Any]]) -> list[int]:
    """Which members of a family of loops are no loops."""
    if not any(member.get("loop") for member in members):
        return []
    return [index for index, member in enumerate(members) if not member.get("loop")]


def _synchronized(members: Sequence[Mapping[str, Any]]) -> str:
    """All members play at once. The first is audible, and the game raises the volume of the
    others. All layers of a track are audible."""
    lines, others = [f"stream_count = {len(members)}"], 0.0 if _are_layers(members) else -60.0
    for index in range(len(members)):
        lines += [
            f'stream_{index}/stream = ExtResource("{index + 1}")',
            f"stream_{index}/volume = {others if index else 0.0}",
        ]
    return _resource("AudioStreamSynchronized", members, lines)


def _resource(kind: str, members: Sequence[Mapping[str, Any]], lines: Sequence[str]) -> str:
    # A path without a folder is relative to the resource, wherever the folder is put.
    used = [
        f'[ext_resource type="AudioStream" path={_text(member["file"])} id="{index}"]'
        for index, member in enumerate(members, 1)
    ]
    head = f'[gd_resource type="{kind}" load_steps={len(members) + 1} format=3]'
    body = "\n".join([*lines, f'metadata/note = "{MARK}."'])
    return "\n\n".join([head, "\n".join(used), f"[resource]\n{body}\n"])


def _text(value: object) -> str:
    """A string as Godot's parser reads it: in quotes, with escapes of JSON."""
    return json.dumps(str(value), ensure_ascii=False)


# Notes for a person


def _notes(engine: Engine, entries: Sequence[Mapping[str, Any]]) -> str:
    columns = ("file", "family", "intensity", "rate", "loop start", "loop end", "length", "bpm")
    rows = [
        f"| {' | '.join(columns)} |",
        f"| {' | '.join('---' for _ in columns)} |",
        *(f"| {' | '.join(map(_cell, _row(entry)))} |" for entry in entries),
    ]
    head = f"<!-- {MARK}. -->\n\n# Import into {engine.value}\n\n{_HOW[engine]}\n\n"
    stinger = (
        "A file without a loop is a stinger: start it at the next bar, and stop the loop there."
    )
    return f"{head}{stinger} Positions are in samples.\n\n" + "\n".join(rows) + "\n"


def _row(entry: Mapping[str, Any]) -> list[object]:
    names = ("sample_rate", "loop_start", "loop_end", "loop_length", "bpm")
    facts = entry.get("loop") or {}
    return [entry["file"], entry.get("family"), entry.get("intensity"), *map(facts.get, names)]


def _cell(value: object) -> str:
    text = "" if value is None else str(value)
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())
