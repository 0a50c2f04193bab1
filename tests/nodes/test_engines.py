"""Files for game engines: resources that Godot's grammar allows, and notes that name each file.

No package of Debian has a Godot that knows these resources (4.3). `Parser` reads its text resources
as `core/variant/variant_parser.cpp` does, and accepts nothing else; the properties are those that
Godot's classes bind. A `godot` of 4.3 or later on the PATH opens them too.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from .test_nodes import Node
from .test_saved_loops import save

pytestmark = pytest.mark.slow

PROPERTIES = {
    "AudioStreamInteractive": r"clip_count|initial_clip|_transitions|metadata/\w+|"
    r"clip_\d+/(name|stream|auto_advance|next_clip)",
    "AudioStreamSynchronized": r"stream_count|metadata/\w+|stream_\d+/(stream|volume)",
}
TRANSITION = {"fade_beats", "fade_mode", "from_time", "to_time"}
IMPORT_OPTIONS = {"loop", "loop_offset", "bpm", "beat_count", "bar_beats", "edit/volume_db"}
RATE = 48_000
LOOP = {"loop_start": 0, "loop_length": 8 * RATE}


class Parser:
    """A text resource of Godot 4: tags, properties and values, and no other text."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self.tags: list[tuple[str, dict[str, Any], dict[str, Any]]] = []
        while self._skip() < len(text):
            if self._peek("["):
                self.tags.append((*self._tag(), {}))
            else:
                key = self._match(r"[\w/]+")
                self._expect("=")
                assert key not in self.tags[-1][2], f"{key} stands twice"
                self.tags[-1][2][key] = self.value()

    def _skip(self) -> int:
        self._at += len(re.match(r"\s*", self._text[self._at :])[0])  # type: ignore[index]
        return self._at

    def _peek(self, sign: str) -> bool:
        self._skip()
        return self._text.startswith(sign, self._at)

    def _match(self, pattern: str) -> str:
        self._skip()
        found = re.compile(pattern).match(self._text, self._at)
        assert found, f"expected {pattern} at {self._text[self._at : self._at + 30]!r}"
        self._at = found.end()
        return found[0]

    def _expect(self, sign: str) -> None:
        self._match(re.escape(sign))

    def _tag(self) -> tuple[str, dict[str, Any]]:
        self._expect("[")
        name, fields = self._match(r"\w+"), {}
        while not self._peek("]"):
            key = self._match(r"\w+")
            self._expect("=")
            fields[key] = self.value()
        self._expect("]")
        return name, fields

    def value(self) -> Any:
        if self._peek("{"):
            return self._dictionary()
        if self._peek('"') or self._peek("&"):
            self._match("&?")
            return json.loads(self._match(r'"(\\.|[^"\\])*"'))
        if self._peek("Vector2i") or self._peek("ExtResource"):
            name = self._match(r"\w+")
            self._expect("(")
            items = [self.value()]
            while self._peek(","):
                self._expect(",")
                items.append(self.value())
            self._expect(")")
            return (name, *items)
        return json.loads(self._match(r"-?\d+(\.\d+)?(?![\w.])|true|false"))

    def _dictionary(self) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        self._expect("{")
        while not self._peek("}"):
            key = self.value()
            self._expect(":")
            found[key] = self.value()
            if not self._peek("}"):
                self._expect(",")
        self._expect("}")
        return found


def resource(path: Path) -> tuple[list[str], dict[str, Any]]:
    """The files that a resource uses, and its properties: checked against Godot's classes."""
    tags = Parser(path.read_text("utf-8")).tags
    (first, head, nothing), *used, (last, none, properties) = tags
    assert (first, last, nothing, none) == ("gd_resource", "resource", {}, {})
    assert head["format"] == 3
    assert head["load_steps"] == len(used) + 1
    assert {name for name, _, _ in used} == {"ext_resource"}
    assert all(re.fullmatch(PROPERTIES[head["type"]], key) for key in properties)
    ids = {fields["id"]: fields["path"] for _, fields, _ in used}
    assert all((path.parent / each).is_file() for each in ids.values())
    streams = [value[1] for key, value in properties.items() if key.endswith("/stream")]
    assert streams == list(ids)
    return list(ids.values()), properties


def music(seconds: float = 8.0) -> dict[str, Any]:
    """A click on each beat of 120 bpm."""
    wave = torch.zeros(1, 2, int(seconds * RATE))
    for beat in range(int(seconds * 2)):
        click = 0.8 * torch.exp(-torch.arange(2400) / 300) * torch.sin(torch.arange(2400) * 0.4)
        wave[..., beat * RATE // 2 :][..., :2400] += click
    return {"waveform": wave, "sample_rate": RATE}


async def family(node: Node, engine: str = "Godot", **inputs: Any) -> Path:
    given = {
        "engine": engine,
        "family": 'the "forest"',
        "filename_prefix": "music",
        **LOOP,
        **inputs,
    }
    for word in ("calm", "tense", "fight"):
        saved = await save(node, music(), name=f"forest {word}", intensity=word, **given)
    return saved.parent


async def test_godot_switches_members_at_bars(node: Node, output: Path) -> None:
    folder = await family(node)
    used, properties = resource(folder / "the _forest_.interactive.tres")
    assert used == [f"forest {word}_00001_.ogg" for word in ("calm", "tense", "fight")]
    assert properties["clip_count"] == 3
    assert [properties[f"clip_{index}/name"] for index in range(3)] == ["calm", "tense", "fight"]
    ((key, transition),) = properties["_transitions"].items()
    assert key == ("Vector2i", -1, -1)
    assert set(transition) == TRANSITION
    # NEXT_BAR, SAME_POSITION, CROSS of AudioStreamInteractive's enums.
    assert (transition["from_time"], transition["to_time"], transition["fade_mode"]) == (2, 0, 3)


async def test_godot_plays_members_at_once(node: Node, output: Path) -> None:
    used, properties = resource((await family(node)) / "the _forest_.synchronized.tres")
    assert len(used) == properties["stream_count"] == 3
    assert [properties[f"stream_{index}/volume"] for index in range(3)] == [0.0, -60.0, -60.0]


async def test_godot_starts_a_stinger_at_the_next_bar(node: Node, output: Path) -> None:
    folder = await family(node)
    given = {"engine": "Godot", "family": 'the "forest"', "filename_prefix": "music"}
    await save(node, music(3.0), name="forest end", intensity="stinger", **given)
    used, properties = resource(folder / "the _forest_.interactive.tres")
    assert used[-1] == "forest end_00001_.ogg"
    (_, any_clip), (key, change) = properties["_transitions"].items()
    assert key == ("Vector2i", -1, 3)
    # NEXT_BAR, START, OUT of AudioStreamInteractive's enums.
    assert (change["from_time"], change["to_time"], change["fade_mode"]) == (2, 1, 2)
    assert (any_clip["to_time"], any_clip["fade_mode"]) == (0, 3)
    together, _ = resource(folder / "the _forest_.synchronized.tres")
    assert together == used[:3]


async def test_godot_plays_all_layers_of_a_track(node: Node, output: Path) -> None:
    names = node["AIGatewayLayers"].GET_NODE_INFO_V1()["output_name"]
    made = await node["AIGatewayLayers"].execute(audio=music(), name="forest", **LOOP)
    lists = dict(zip(names[3:9], made.args[3:9], strict=True))
    rows = [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]
    given = {"engine": "Godot", "filename_prefix": "music", "format": "wav"}
    saved = [await save(node, row.pop("layers"), **given, **row) for row in rows]
    folder = saved[0].parent
    assert not list(folder.glob("*.interactive.tres"))
    used, properties = resource(folder / "forest.synchronized.tres")
    assert used == [f"forest {layer}_00001_.wav" for layer in ("drums", "low", "rest")]
    assert [properties[f"stream_{index}/volume"] for index in range(3)] == [0.0] * 3


async def test_godot_imports_each_ogg_as_its_loop(node: Node, output: Path) -> None:
    folder = await family(node, loop_start=RATE, loop_length=6 * RATE)
    (remap, _, kind), (_, _, options), _ = Parser(
        (folder / "forest calm_00001_.ogg.import").read_text("utf-8")
    ).tags
    assert (remap, kind["importer"]) == ("remap", "oggvorbisstr")
    assert set(options) == IMPORT_OPTIONS
    assert options["loop"] is True
    assert options["loop_offset"] == 1.0
    assert options["bpm"] == pytest.approx(120, abs=0.5)
    notes = json.loads((folder / "forest calm_00001_.loop.json").read_text("utf-8"))
    assert {**notes["godot"], "edit/volume_db": 0.0} == options


async def test_a_wav_needs_no_options(node: Node, output: Path) -> None:
    folder = await family(node, format="wav")
    assert not list(folder.glob("*.import"))
    used, _ = resource(folder / "the _forest_.interactive.tres")
    assert used[0].endswith(".wav")


@pytest.mark.parametrize("engine", ["Unity", "FMOD", "Wwise", "RPG Maker"])
async def test_notes_have_the_loop_of_each_file(engine: str, node: Node, output: Path) -> None:
    folder = await family(node, engine, loop_start=RATE, loop_length=6 * RATE)
    lines = (folder / f"IMPORT {engine}.md").read_text("utf-8").splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| forest")]
    assert [row[2] for row in rows] == ["calm", "tense", "fight"]
    assert all(row[3:7] == ["48000", "48000", "336000", "288000"] for row in rows)
    assert not list(folder.glob("*.tres"))


async def test_without_an_engine_nothing_is_added(node: Node, output: Path) -> None:
    folder = await family(node, "none")
    kinds = {path.suffix for path in folder.iterdir()}
    assert kinds == {".ogg", ".json"}


async def test_a_file_that_another_program_wrote_is_kept(
    node: Node, output: Path, lines: list[Any]
) -> None:
    folder = await family(node, overwrite=True)
    changed = {folder / "forest calm_00001_.ogg.import", folder / "the _forest_.interactive.tres"}
    for path in changed:
        path.write_text("[remap]")
    (folder / "the _forest_.synchronized.tres").unlink()
    await family(node, overwrite=True)
    assert all(path.read_text() == "[remap]" for path in changed)
    told = [str(line) for line in lines if "another program changed" in str(line)]
    assert told[0].endswith(" and 1 more, so the file is kept")
    assert any(path.name in told[0] for path in changed)
    used, _ = resource(folder / "the _forest_.synchronized.tres")
    assert len(used) == 3


def godot() -> str | None:
    """A Godot that knows AudioStreamInteractive."""
    program = shutil.which("godot") or shutil.which("godot4")
    if program is None:
        return None
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"(\d+)\.(\d+)", shown.stdout)
    return program if found and tuple(map(int, found.groups())) >= (4, 3) else None


@pytest.mark.skipif(godot() is None, reason="no godot of 4.3 or later is installed")
async def test_godot_opens_the_folder(node: Node, output: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(await family(node), project / "music")
    (project / "project.godot").write_text('config_version=5\n[application]\nconfig/name="x"\n')
    (project / "check.gd").write_text(
        "extends SceneTree\nfunc _init():\n"
        '\tvar stream = load("res://music/the _forest_.interactive.tres")\n'
        "\tprint(stream.clip_count, stream.get_clip_stream(0).loop, "
        "stream.get_transition_from_time(-1, -1))\n\tquit()\n"
    )
    assert "3true2" in opened(project)


def opened(project: Path) -> str:
    """What Godot prints when it has imported a project and run its script."""
    command = [str(godot()), "--headless", "--path", str(project)]
    subprocess.run([*command, "--import"], check=True, timeout=120)
    command += ["--script", "check.gd"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout
