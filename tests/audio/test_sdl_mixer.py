"""Loops as SDL_mixer plays them, the player of many engines; skipped where it is missing."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from ...audio.containers.loop_points import LoopPoints
from ...audio.formats import HOLDS_LOOP, Format
from .test_loop_points import RATE, saved

_NAMES = ("libSDL2_mixer-2.0.so.0", "libSDL2_mixer-2.0.0.dylib", "SDL2_mixer.dll")
_FLAC, _OGG = 1, 16
_SIGNED_16 = 0x8010
_AT = ("Mix_GetMusicLoopStartTime", "Mix_GetMusicLoopEndTime", "Mix_GetMusicLoopLengthTime")
_Hear = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)


@pytest.fixture
def mixer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    # SDL plays into a file, as fast as it can.
    monkeypatch.setenv("SDL_AUDIODRIVER", "disk")
    monkeypatch.setenv("SDL_DISKAUDIOFILE", os.devnull)
    monkeypatch.setenv("SDL_DISKAUDIODELAY", "0")
    for name in _NAMES:
        try:
            library = ctypes.CDLL(name)
            break
        except OSError:
            continue
    else:
        pytest.skip("SDL2_mixer is not installed")
    if not hasattr(library, _AT[0]):
        pytest.skip("SDL2_mixer is older than 2.6, which reads loop points")
    library.Mix_LoadMUS.restype = ctypes.c_void_p
    for name in _AT:
        getattr(library, name).restype = ctypes.c_double
        getattr(library, name).argtypes = [ctypes.c_void_p]
    library.Mix_PlayMusic.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.Mix_FreeMusic.argtypes = [ctypes.c_void_p]
    library.Mix_Init(_FLAC | _OGG)
    assert library.Mix_OpenAudio(RATE, _SIGNED_16, 2, 1024) == 0
    yield library
    library.Mix_CloseAudio()


def played(mixer: Any, music: Any, frames: int) -> np.ndarray:
    """What is heard from the first sound on, int16 [n, 2] with at least `frames` rows."""
    heard: list[bytes] = []
    enough = threading.Event()

    def hear(_: Any, stream: Any, size: int) -> None:
        if not enough.is_set():
            block = ctypes.string_at(stream, size)
            if heard or any(block):
                heard.append(block)
            if sum(map(len, heard)) >= 4 * frames + 8192:
                enough.set()

    callback = _Hear(hear)
    mixer.Mix_SetPostMix(callback, None)
    assert mixer.Mix_PlayMusic(music, 9) == 0
    assert enough.wait(60), "SDL_mixer plays no more"
    mixer.Mix_HaltMusic()
    mixer.Mix_SetPostMix(None, None)
    samples = np.frombuffer(b"".join(heard), "<i2").reshape(-1, 2)
    return samples[np.flatnonzero(samples.any(axis=1))[0] :]


@pytest.mark.parametrize("format", HOLDS_LOOP)
@pytest.mark.parametrize("loop", [(10_001, 60_000), (0, 96_000), (30_000, 12_345)])
def test_sdl_mixer_loops_where_it_should(
    format: Format, loop: tuple[int, int], mixer: Any, tmp_path: Path
) -> None:
    points = LoopPoints(*loop)
    path = saved(tmp_path, format, points, title="x", prompt='{"1": {}}')
    music = mixer.Mix_LoadMUS(os.fsencode(path))
    assert music, "SDL_mixer cannot read the file"
    try:
        if format is not Format.WAV:  # SDL_mixer does not tell the loop of a WAV
            start, end, length = (round(getattr(mixer, name)(music) * RATE) for name in _AT)
            assert (start, end, length) == (points.start, points.end, points.length)
        once, _ = soundfile.read(path, dtype="int16", always_2d=True)
        expected = np.concatenate([once, *3 * [once[points.start :]]])
        expected = expected[np.flatnonzero(expected.any(axis=1))[0] :]
        heard = played(mixer, music, len(expected))[: len(expected)]
    finally:
        mixer.Mix_FreeMusic(music)
    assert np.abs(heard.astype(int) - expected).max() <= 1
