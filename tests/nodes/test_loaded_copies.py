"""Copies of files that are no tracks of ours: whole or not at all, and within a bound."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from aiohttp import web

from ...audio.samples.origin import provenance_of
from .test_nodes import Node, files_in, load, save


def wav(number: int) -> bytes:
    """Two seconds of silence, and one sample of its own."""
    out = io.BytesIO()
    samples = np.zeros(2 * 8000, dtype=np.int16)
    samples[0] = number + 1
    soundfile.write(out, samples, 8000, format="WAV", subtype="PCM_16")
    return out.getvalue()


@pytest.fixture
async def server(session: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """A web server on loopback with WAV files of two seconds: `<its address>/<number>`."""
    monkeypatch.setenv("AIGATEWAY_ALLOW_HOSTS", "127.0.0.1")

    async def file(request: web.Request) -> web.Response:
        return web.Response(body=wav(int(request.match_info["number"])))

    app = web.Application()
    app.router.add_get("/{number}", file)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
def copies(session: Any) -> Path:
    import folder_paths  # type: ignore[import-not-found]

    return Path(folder_paths.get_temp_directory()) / "aigateway_loaded"


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size * 73 // 200)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def link(path: Path) -> None:
    path.rename(path.parent.parent / "elsewhere")
    path.symlink_to(path.parent.parent / "elsewhere")


@pytest.mark.parametrize("damage", [truncate, flip, link, os.unlink])
async def test_a_damaged_copy_is_written_anew(
    node: Node, server: str, copies: Path, damage: Any
) -> None:
    if damage is link and os.name == "nt":
        pytest.skip("Windows allows links to few users")
    await load(node, f"{server}/1")
    (copy,) = files_in(copies)
    damage(copy)
    audio, *_ = await load(node, f"{server}/1")
    assert files_in(copies) == [copy]
    assert not copy.is_symlink()
    assert copy.read_bytes() == wav(1)
    _, path = await save(node, audio, format="wav", quality="16 bit")
    assert wav(1)[36:] in path.read_bytes()


async def test_a_full_disk_leaves_no_half_copy_and_the_audio_is_saved_whole(
    node: Node, server: str, copies: Path, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[: len(content) * 73 // 200])
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        audio, *_ = await load(node, f"{server}/1")
    assert files_in(copies) == []
    _, path = await save(node, audio, format="wav", quality="16 bit")
    assert wav(1)[44:] in path.read_bytes()


async def test_the_copies_have_a_bound(
    node: Node, server: str, copies: Path, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session.host.files, "LOADED_LIMIT", 3 * len(wav(0)) + 10)
    first, *_ = await load(node, f"{server}/0")
    for number in range(1, 8):
        await load(node, f"{server}/{number}")
        assert sum(file.stat().st_size for file in files_in(copies)) <= 3 * len(wav(0)) + 10
    assert len(files_in(copies)) == 3
    # The first copy is gone: its audio is encoded.
    assert provenance_of(first["waveform"][0], first["sample_rate"]) is None
    _, path = await save(node, first, format="wav", quality="16 bit")
    assert wav(0)[44:] in path.read_bytes()


async def test_a_copy_that_goes_while_it_is_saved_is_encoded(
    node: Node, server: str, copies: Path, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ...audio import retag

    audio, *_ = await load(node, f"{server}/1")
    (copy,) = files_in(copies)
    format_of = retag.format_of

    def gone(source: Path) -> Any:
        found = format_of(source)
        copy.unlink()
        return found

    monkeypatch.setattr(retag, "format_of", gone)
    _, path = await save(node, audio, format="wav", quality="16 bit")
    assert not copy.exists()
    assert wav(1)[44:] in path.read_bytes()
