"""Joins pieces of a source into one track: crossfades between them, and a change of speed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..audio.arrays import BLOCK, Samples
from ..audio.samples.resample import Resampler
from ..audio.stopping import looked

_CONTEXT = 4096
"""Samples after the part that changes speed; its last samples are computed from them."""


class Piece(NamedTuple):
    """Samples `start` to `end` of the source."""

    start: int
    end: int


class Speed(NamedTuple):
    """The first `before` samples of the joined pieces become `after` samples."""

    before: int
    after: int


AS_IS = Speed(0, 0)


def natural_length(pieces: Sequence[Piece]) -> int:
    return sum(piece.end - piece.start for piece in pieces)


def render(
    samples: Samples, pieces: Sequence[Piece], length: int, *, fade: int, speed: Speed = AS_IS
) -> Samples:
    """New float32 [channels, length]: the pieces joined by crossfades of `fade` samples.

    A crossfade ends where its left piece ends. Silence fills the rest up to `length`.
    """
    out = np.zeros((samples.shape[0], length), np.float32)
    done = 0
    for block in _changed(joined(samples, pieces, fade), samples.shape[0], speed):
        room = min(block.shape[1], length - done)
        out[:, done : done + room] = block[:, :room]
        done += room
        if done == length:
            break
    return out


def joined(samples: Samples, pieces: Sequence[Piece], fade: int) -> Iterator[Samples]:
    """Yield the pieces one after the other, block by block."""
    for index, piece in enumerate(pieces):
        following = pieces[index + 1] if index + 1 < len(pieces) else None
        overlap = min(fade, piece.end - piece.start) if following else 0
        for start in looked(range(piece.start, piece.end - overlap, BLOCK)):
            yield samples[:, start : min(start + BLOCK, piece.end - overlap)]
        if following and overlap:
            leaving = samples[:, piece.end - overlap : piece.end]
            coming = _up_to(samples, following.start, overlap)
            yield crossfade(leaving, coming)


def _up_to(samples: Samples, end: int, count: int) -> Samples:
    """`count` samples before `end`; silence before the source begins."""
    start = max(end - count, 0)
    return np.pad(samples[:, start:end], ((0, 0), (count - (end - start), 0)))


def crossfade(leaving: Samples, coming: Samples) -> Samples:
    """Fade from one [channels, n] to the other at constant power, also if they correlate.

    M. Fink, M. Holters, U. Zölzer, "Signal-matched power-complementary cross-fading and dry-wet
    mixing" (DAFx 2016): the gains of an equal-power fade, divided by the gain that the correlation
    adds.
    """
    power = float((leaving.astype(np.float64) ** 2).sum() * (coming.astype(np.float64) ** 2).sum())
    product = float((leaving.astype(np.float64) * coming).sum())
    likeness = min(max(product / power**0.5, -0.5), 1.0) if power > 0 else 0.0
    angle = (np.arange(leaving.shape[1]) + 0.5) / leaving.shape[1] * (np.pi / 2)
    out, into = np.cos(angle), np.sin(angle)
    level = np.sqrt(1 + 2 * out * into * likeness)
    return (leaving * (out / level) + coming * (into / level)).astype(np.float32)


def _changed(blocks: Iterator[Samples], channels: int, speed: Speed) -> Iterator[Samples]:
    """Yield the blocks; the first `speed.before` samples become `speed.after` samples."""
    if speed.before == speed.after:
        yield from blocks
        return
    stream = Resampler(speed.before, speed.after, channels)
    fed, given = 0, 0
    context = speed.before + _CONTEXT
    held: list[Samples] = []
    for block in blocks:
        if fed >= context:
            yield block
            continue
        part = block[:, : context - fed]
        chunk = stream.feed(part, last=fed + part.shape[1] >= context)
        yield chunk[:, : max(0, speed.after - given)]
        given += chunk.shape[1]
        if fed + block.shape[1] > speed.before:
            held.append(block[:, max(0, speed.before - fed) :])
        fed += block.shape[1]
        if fed >= context:
            yield from held
    if fed < context:
        chunk = stream.feed(np.empty((channels, 0), np.float32), last=True)
        yield chunk[:, : max(0, speed.after - given)]
        yield from held
