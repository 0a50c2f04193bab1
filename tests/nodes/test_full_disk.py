"""A disk that is full or forbidden is one sentence, and leaves no file that looks whole."""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ...audio.samples.origin import remember
from ...files.atomic import write_new_file
from ..api.raw_server import answering, reply
from ..audio import make
from .test_saved_files import CODECS, save

Node = dict[str, Any]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 300 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = sys.platform == "linux" and os.geteuid() == 0
    command = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if not mounted or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root on Linux makes a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def noise(seconds: float) -> torch.Tensor:
    return torch.from_numpy(
        np.random.default_rng(1).uniform(-0.5, 0.5, (2, int(seconds * 48000))).astype(np.float32)
    )


@pytest.mark.slow
@pytest.mark.parametrize("is_passed_on", [False, True], ids=["encoded", "as it is"])
@pytest.mark.parametrize("format", CODECS)
async def test_a_full_disk_is_one_sentence_for_every_format(
    format: str, is_passed_on: bool, node: Node, output: Path, tmp_path: Path, small_disk: Path
) -> None:
    waveform = noise(30)
    audio = {"waveform": waveform[None], "sample_rate": 48000}
    if is_passed_on:
        remember(waveform, moved(await save(node, audio, format), tmp_path), 48000)
    lead(output, small_disk)
    with pytest.raises(Exception, match=r"(free space|free some space)") as caught:
        await save(node, audio, format)
    assert "\n" not in str(caught.value)
    assert files_in(small_disk) == []


def moved(path: Path, folder: Path) -> Path:
    """The file in another folder; its own one is removed."""
    path.rename(folder / path.name)
    path.parent.rmdir()
    return folder / path.name


def lead(folder: Path, disk: Path) -> None:
    """Let `folder` be one of the disk."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.symlink_to(disk)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_a_loaded_file_that_finds_no_room_leaves_no_half_one(
    node: Node, output: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder_paths = importlib.import_module("folder_paths")
    monkeypatch.setenv("AIGATEWAY_ALLOW_HOSTS", "127.0.0.0/8")
    monkeypatch.setattr(folder_paths, "get_temp_directory", lambda: str(small_disk))
    sound = make.sound_file(noise(5).numpy(), 48000, "WAV")
    async with answering(reply(sound)) as server:
        answer = await node["AIGatewayLoadAudioURL"].execute(
            url=f"{server.url}/a.wav", sample_rate="original", channels="original"
        )
    assert answer.args[1] == 5.0
    assert files_in(small_disk) == []


async def test_a_workflow_beside_a_wav_replaces_nobodys_file(
    node: Node, nodes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = nodes.host.publish

    def beside_somebody(draft: Path, prefix: str) -> Any:
        slot = publish(draft, prefix)
        slot.path.with_suffix(".json").write_text("mine")
        return slot

    monkeypatch.setattr(nodes.host, "publish", beside_somebody)
    audio = {"waveform": noise(0.1)[None], "sample_rate": 48000}
    saved = await save(node, audio, "wav", {"1": {}}, {"workflow": {"nodes": []}})
    assert saved.exists()
    assert saved.with_suffix(".json").read_text() == "mine"


def test_a_new_file_never_replaces_one(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_new_file(path, b"mine")
    with pytest.raises(FileExistsError):
        write_new_file(path, b"other")
    assert path.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EFBIG, "free some space"),
        (errno.EACCES, "let ComfyUI write there"),
        (errno.EROFS, "let ComfyUI write there"),
        (errno.EIO, "check the disk"),
        (errno.ENAMETOOLONG, "check the disk"),
    ],
)
def test_every_error_of_a_disk_has_a_sentence_without_a_folder(
    number: int, advice: str, nodes: Any
) -> None:
    explained = importlib.import_module(f"{nodes.__name__}.error_report").explained
    error = explained(OSError(number, os.strerror(number), "/home/me/a.flac"))
    assert advice in str(error)
    assert "a.flac" in str(error)
    assert "/home" not in str(error)
    own = FileNotFoundError("The file is not complete: queue again.")
    assert explained(own) is own
