"""The three classes for which ComfyUI's Registry bans a pack, each tried from a widget or a route.

The reviewers call them code execution, arbitrary file write or path traversal, and egress or SSRF.
`scripts/registry_check.py` finds calls that execute code: the pack has none.
"""

from __future__ import annotations

import json
import os
from dataclasses import fields
from pathlib import Path

import httpx
import pytest
import torch

from ...api import settings as api_settings
from ...api.base.errors import AddressError, InputError
from ...api.settings import load as load_settings
from ...api.wire.addresses import AllowedHosts
from ...sandbox.server import Sandbox
from ..api.test_address_guard import World
from ..api.test_address_guard import load as guarded_load
from ..audio import make
from ..web.test_routes import Client, client, data, get, put
from .test_nodes import Node, load, run

__all__ = ["client", "data"]

AUDIO = {"waveform": torch.zeros(1, 1, 4800), "sample_rate": 48000}
needs_links = pytest.mark.skipif(os.name == "nt", reason="needs symbolic links")


@pytest.fixture
def elsewhere(output: Path) -> Path:
    """A folder beside ComfyUI's output folder, with a sound file, a table and a manifest."""
    folder = output.parent / "elsewhere"
    folder.mkdir()
    (folder / "secret.flac").write_bytes(make.sound_file(make.music(0.1), 44100, "FLAC"))
    (folder / "secret.csv").write_text("prompt\nsecret\n", "utf-8")
    return folder


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


async def save(node: Node, prefix: str, name: str = "") -> Path:
    clone = node["AIGatewaySaveAudio"].PREPARE_CLASS_CLONE({"hidden_inputs": {}})
    inputs = {"audio": AUDIO, "format": {"format": "wav"}, "filename_prefix": prefix, "name": name}
    return Path((await clone.EXECUTE_NORMALIZED_ASYNC(**inputs)).result[1])


# Arbitrary file write, path traversal


@pytest.mark.parametrize("prefix", ["../elsewhere/x", "/etc/x", "a/../../elsewhere/x", "C:\\x"])
async def test_file_write_by_a_prefix(
    node: Node, sandbox: Sandbox, elsewhere: Path, prefix: str
) -> None:
    before = everything_in(elsewhere)
    with pytest.raises(InputError, match="leads out of ComfyUI's output folder"):
        await save(node, prefix)
    assert everything_in(elsewhere) == before


@needs_links
@pytest.mark.parametrize(
    ("link", "prefix"), [("out", "out/x"), ("out", "out/new/x"), ("a/out", "a/out/../out/x")]
)
@pytest.mark.parametrize("name", ["", "forest"])
async def test_file_write_through_a_link_in_the_output_folder(
    node: Node,
    sandbox: Sandbox,
    elsewhere: Path,
    output: Path,
    link: str,
    prefix: str,
    name: str,
) -> None:
    (output / link).parent.mkdir(parents=True, exist_ok=True)
    (output / link).symlink_to(elsewhere, target_is_directory=True)
    before = everything_in(elsewhere)
    with pytest.raises(InputError, match="output folder through a link"):
        await save(node, prefix, name)
    assert everything_in(elsewhere) == before


@needs_links
async def test_links_that_stay_in_the_output_folder_are_followed(
    node: Node, sandbox: Sandbox, output: Path
) -> None:
    (output / "music").mkdir(parents=True)
    (output / "songs").symlink_to(output / "music", target_is_directory=True)
    await save(node, "songs/x")
    assert [path.suffix for path in (output / "music").iterdir()] == [".wav"]


@pytest.fixture
def disk(output: Path) -> Path:
    """The folder that the output folder is a link to."""
    folder = output.rename(output.parent / "disk")
    output.symlink_to(folder, target_is_directory=True)
    return folder


@needs_links
async def test_an_output_folder_that_is_a_link_is_the_output_folder(
    node: Node, sandbox: Sandbox, disk: Path
) -> None:
    saved = await save(node, "audio/x")
    assert [path.name for path in (disk / "audio").iterdir()] == [saved.name]


@needs_links
async def test_links_in_a_circle_are_refused(node: Node, sandbox: Sandbox, output: Path) -> None:
    (output / "a").symlink_to(output / "b")
    (output / "b").symlink_to(output / "a")
    with pytest.raises(InputError, match="output folder through a link"):
        await save(node, "a/b/x")


@pytest.mark.parametrize("name", ["../../elsewhere/x", "/etc/x", "a/../../x"])
async def test_file_write_by_a_name(
    node: Node, sandbox: Sandbox, output: Path, elsewhere: Path, name: str
) -> None:
    before = everything_in(elsewhere)
    path = await save(node, "audio/game", name)
    assert path.resolve().is_relative_to((output / "audio").resolve())
    assert everything_in(elsewhere) == before


@needs_links
async def test_file_write_by_a_manifest_that_is_a_link(
    node: Node, sandbox: Sandbox, output: Path, elsewhere: Path
) -> None:
    target = elsewhere / "theirs.json"
    target.write_text(json.dumps({"generator": "another program", "files": []}), "utf-8")
    before = everything_in(elsewhere)
    (output / "audio").mkdir(parents=True)
    (output / "audio" / "manifest.json").symlink_to(target)
    await save(node, "audio", "forest")
    assert everything_in(elsewhere) == before


@needs_links
@pytest.mark.parametrize("folder", ["output", "host/input"])
async def test_path_traversal_by_a_receipt(
    node: Node, sandbox: Sandbox, output: Path, elsewhere: Path, folder: str
) -> None:
    (output.parent / folder / "link").symlink_to(elsewhere, target_is_directory=True)
    secret = elsewhere / "secret.flac"
    for file in (str(secret), "../elsewhere/secret.flac", "link/secret.flac"):
        with pytest.raises(InputError, match="is not in ComfyUI's output or input folder"):
            await run(node, "ReadReceipt", file=file)


@needs_links
async def test_path_traversal_by_a_cue_sheet(
    node: Node, sandbox: Sandbox, output: Path, elsewhere: Path
) -> None:
    (output.parent / "host" / "input" / "link.csv").symlink_to(elsewhere / "secret.csv")
    for file in (str(elsewhere / "secret.csv"), "../../elsewhere/secret.csv", "link.csv"):
        with pytest.raises(InputError, match="is no CSV file in ComfyUI's input folder") as raised:
            await run(node, "CueSheet", file=file)
        assert "prompt" not in str(raised.value)


@needs_links
@pytest.mark.parametrize("folder", ["input", "temp"])
async def test_path_traversal_by_a_path_in_place_of_an_address(
    node: Node, sandbox: Sandbox, output: Path, elsewhere: Path, folder: str
) -> None:
    inside = output.parent / "host" / folder
    (inside / "link").symlink_to(elsewhere, target_is_directory=True)
    (inside / "song.flac").write_bytes((elsewhere / "secret.flac").read_bytes())
    assert (await load(node, str(inside / "song.flac")))[1] == pytest.approx(0.1, abs=0.01)
    for path in (elsewhere / "secret.flac", inside / "link" / "secret.flac", inside / "no.flac"):
        with pytest.raises(InputError, match="is no file in ComfyUI's input or temp folder"):
            await load(node, str(path))
    with pytest.raises(InputError, match="is no file in ComfyUI's input or temp folder"):
        await load(node, f"{inside}/../../elsewhere/secret.flac")


# Egress, SSRF


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:9/x.mp3", "http://169.254.169.254/latest", "http://[::1]/", "file:///etc/x"],
)
async def test_egress_by_a_widget(node: Node, sandbox: Sandbox, url: str) -> None:
    with pytest.raises((AddressError, InputError), match="web address"):
        await load(node, url)


def load_with(world: World, url: str, only: str, allowed: str = "") -> bytes:
    return guarded_load(
        world, url, allowed=AllowedHosts.parse(allowed), only=AllowedHosts.parse(only)
    )


def test_only_hosts_allows_named_hosts_alone() -> None:
    only = "music.example, 93.184.216.0/24"
    assert load_with(World(), "https://music.example/a.mp3", only) == b"music"
    assert load_with(World(), "https://93.184.216.9/a.mp3", only) == b"music"
    world = World({"other.example": ["93.184.216.9"]})
    for url in ("https://other.example/a.mp3", "https://8.8.8.8/a.mp3", "https://x.music.example/"):
        with pytest.raises(AddressError, match="is not in only_hosts"):
            load_with(world, url, only)
    assert not world.asked
    assert not world.reached


def test_only_hosts_opens_no_address_inside_the_network() -> None:
    world = World({"music.example": ["10.0.0.9"]})
    with pytest.raises(AddressError, match="public web address"):
        load_with(world, "https://music.example/a.mp3", "music.example")
    assert not world.reached
    assert load_with(world, "https://music.example/", "music.example", "music.example") == b"music"


def test_only_hosts_judges_a_redirect_too() -> None:
    def leads_on(request: httpx.Request) -> httpx.Response:
        return httpx.Response(302, headers={"location": "https://other.example/a.mp3"})

    world = World({"other.example": ["8.8.8.8"]}, leads_on)
    with pytest.raises(AddressError, match=r"other\.example.*only_hosts"):
        load_with(world, "https://music.example/a.mp3", "music.example")
    assert len(world.reached) == 1


async def test_only_hosts_leaves_the_gateways_own_files(
    node: Node, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIGATEWAY_ONLY_HOSTS", "music.example")
    job = (await run(node, "PromptToMusic", prompt="piano", duration=5.0, format="wav"))[0]
    url = (await run(node, "PollJob", job=job))[0]
    assert (await load(node, url))[1] == pytest.approx(5)
    with pytest.raises(AddressError, match="is not in only_hosts"):
        await load(node, "https://8.8.8.8/a.mp3")


# Settings by a route


OTHERS = [field.name for field in fields(api_settings.Settings) if field.name != "api_key"]


@pytest.mark.parametrize("name", OTHERS)
async def test_no_route_changes_where_requests_go_or_files_lie(
    client: Client, data: Path, name: str
) -> None:
    before = load_settings(data)
    for value in ("https://attacker.example/v1", "attacker.example", str(data)):
        status, _ = await put(client, name, value)
        assert status == 400
    assert load_settings(data) == before


async def test_no_route_answers_with_the_key(client: Client, data: Path) -> None:
    key = "sk-aig-tests-of-the-bans-11aa"
    await put(client, "api_key", key)
    status, answer = await get(client, "settings")
    assert status == 200
    assert key not in json.dumps(answer)
