"""Speech of espeak-ng with the times of its words, through its library."""

from __future__ import annotations

import ctypes
import ctypes.util
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soxr

from .network import RATE

_WORD = 1
_SYNCHRONOUS, _UTF8 = 2, 1
_SPEED, _PITCH = 1, 3
_END_PAUSE = 0x1000


class Spoken(NamedTuple):
    """Speech: float32 [n] at 16 kHz, and the second where each word starts.

    espeak-ng speaks some pairs such as “of the” as one word: None for the second one.
    """

    samples: npt.NDArray[np.float32]
    starts: list[float | None]


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """The library. Raises OSError: espeak-ng is not installed."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(ctypes.util.find_library("espeak-ng") or "libespeak-ng.so.1")
        self._rate = self._library.espeak_Initialize(_SYNCHRONOUS, 0, None, 0)
        self._parts: list[npt.NDArray[np.int16]] = []
        self._starts: list[tuple[int, int]] = []
        # The library keeps the address: the object must live as long.
        self._callback = _Callback(self._heard)
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: str = "en", speed: int = 150, pitch: int = 50) -> Spoken:
        """Speak words that blanks divide: `speed` in words a minute, `pitch` from 0 to 99."""
        self._parts, self._starts = [], []
        self._library.espeak_SetVoiceByName(voice.encode())
        self._library.espeak_SetParameter(_SPEED, speed, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        data = text.encode()
        self._library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8 | _END_PAUSE, None, None)
        sound = np.concatenate(self._parts).astype(np.float32) / 32768
        samples = soxr.resample(sound, self._rate, RATE).astype(np.float32)
        places: dict[int, int] = {}
        for position, sample in self._starts:
            places.setdefault(position, sample)
        starts: list[float | None] = []
        position = 1
        for word in text.split(" "):
            found = [at for at in places if position <= at < position + len(word)]
            starts.append(places[found[0]] / self._rate if found else None)
            position += len(word) + 1
        return Spoken(samples, starts)

    def _heard(self, wave, count, events) -> int:  # type: ignore[no-untyped-def]
        if wave and count:
            self._parts.append(np.ctypeslib.as_array(wave, (count,)).copy())
        number = 0
        while events[number].type:
            event = events[number]
            if event.type == _WORD:
                self._starts.append((event.text_position, event.sample))
            number += 1
        return 0
