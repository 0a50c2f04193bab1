"""Joins pieces of a source into one track: crossfades between them, and a change of speed."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..audio.arrays import BLOCK, Samples
from ..audio.samples.resample import Resampler
from ..audio.stopping import looked
from .stretch import stretch


class Piece(NamedTuple):
    """Samples `start` to `end` of the source."""

    start: int
    end: int


class Speed(NamedTuple):
    """`before` samples of the joined pieces, from `start` on, become `after` samples."""

    start: int
    before: int
    after: int

    @property
    def ratio(self) -> float:
        """1.01 plays these samples 1 % faster."""
        return self.before / self.after if self.after else 1.0

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """(sample of the pieces, sample of the result) at each end of the change."""
        start, before, after = self
        return ((0, 0), (start, start), (start + before, start + after))


AS_IS = Speed(0, 0, 0)
RESAMPLED = 0.01
"""A change of speed up to this moves the pitch with it, by 17 cents, which listeners do not hear as
out of tune. A larger one keeps the pitch."""
_EDGE_SECONDS = 0.05
"""Seconds of sound on each side of a part that changes speed: stretched with the part, then cut
off."""


_CONTEXT_SECONDS = 0.2
"""The same around a part between two hits, which is short."""


def natural_length(pieces: Sequence[Piece]) -> int:
    return sum(piece.end - piece.start for piece in pieces)


def render(
    samples: Samples,
    sample_rate: int,
    pieces: Sequence[Piece],
    length: int,
    *,
    fade: int,
    speed: Speed = AS_IS,
) -> Samples:
    """New float32 [channels, length]: the pieces joined by crossfades of `fade` samples.

    A crossfade ends where its left piece ends. Silence fills the rest up to `length`.
    """
    out = np.zeros((samples.shape[0], length), np.float32)
    if speed.before == speed.after:
        _fill(out, joined(samples, pieces, fade))
        return out
    whole = np.empty((samples.shape[0], natural_length(pieces)), np.float32)
    _fill(whole, joined(samples, pieces, fade))
    start, end = speed.start, speed.start + speed.before
    middle = out[:, start : start + speed.after]
    edge = min(fade, middle.shape[1] // 2)
    _change(middle, whole, sample_rate, speed)
    # Both parts go on through the crossfade, so that neither begins or ends inside it.
    if start and edge:
        middle[:, :edge] = crossfade(whole[:, start : start + edge], middle[:, :edge])
    if end < whole.shape[1] and edge:
        middle[:, -edge:] = crossfade(middle[:, -edge:], whole[:, end - edge : end])
    _fill(out, iter((whole[:, :start],)))
    _fill(out[:, start + speed.after :], iter((whole[:, end:],)))
    return out


def _fill(out: Samples, blocks: Iterator[Samples], skip: int = 0) -> None:
    """Write the blocks into `out` one after the other, without their first `skip` samples."""
    done = -skip
    for block in blocks:
        part = block[:, max(0, -done) : out.shape[1] - done]
        begin = max(0, done)
        out[:, begin : begin + part.shape[1]] = part
        done += block.shape[1]
        if done >= out.shape[1]:
            return


def _change(out: Samples, whole: Samples, sample_rate: int, speed: Speed) -> None:
    """Write the part of `whole` that changes speed into `out` [channels, speed.after]."""
    start, before, after = speed
    edge = min(round(_EDGE_SECONDS * sample_rate), before // 4)
    lead, tail = min(edge, start), min(edge, whole.shape[1] - start - before)
    source = whole[:, start - lead : start + before + tail]
    head = round(lead * after / before)
    if abs(speed.ratio - 1) > RESAMPLED + 1e-9:
        length = head + after + round(tail * after / before)
        out[:] = stretch(source, sample_rate, length)[:, head : head + after]
        return
    stream, size = Resampler(before, after, whole.shape[0]), source.shape[1]
    _fill(
        out,
        (
            stream.feed(source[:, at : at + BLOCK], last=at + BLOCK >= size)
            for at in looked(range(0, size, BLOCK))
        ),
        head,
    )


def warp(
    samples: Samples,
    sample_rate: int,
    pairs: Sequence[tuple[int, int]],
    length: int,
    fade: int,
    change: Callable[[Samples, int, int], Samples] = stretch,
) -> Samples:
    """New [channels, length]: sample `before` of each pair (before, after) is heard at `after`.

    Between two pairs the speed is constant. `change` makes it from samples, their rate and the new
    length; `stretch` keeps the pitch. Silence comes before the first
    pair. After the last pair the samples are unchanged. A crossfade of `fade` samples ends at each
    pair whose parts are not both unchanged.
    """
    out = np.zeros((samples.shape[0], length), np.float32)
    total = samples.shape[1]
    context = round(_CONTEXT_SECONDS * sample_rate)
    (_, start), (last, end) = pairs[0], pairs[-1]
    parts = [*itertools.pairwise(pairs), ((last, end), (total, end + total - last))]
    was_stretched = False
    for (left, at), (right, until) in looked(parts):
        lead = min(context, left)
        tail = min(context, total - right)
        is_stretched = right - left != until - at
        part = samples[:, left - lead : right + tail]
        if is_stretched:
            factor = (until - at) / (right - left)
            lead, tail = round(lead * factor), round(tail * factor)
            part = change(part, sample_rate, lead + until - at + tail)
        own = part[:, lead : lead + until - at][:, : max(0, length - at)]
        overlap = min(fade, lead, at - start)
        if (is_stretched or was_stretched) and overlap and at <= length:
            before = out[:, at - overlap : at]
            out[:, at - overlap : at] = crossfade(before.copy(), part[:, lead - overlap : lead])
        out[:, at : at + own.shape[1]] = own
        was_stretched = is_stretched
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
    """The `count` samples before `end`, with silence before the first one of the source."""
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
