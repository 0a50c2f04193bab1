"""Cuts of a clip on beats: `python3 benchmarks/run.py hits [--clips 30]`.

Each clip has 5 to 14 cuts at random. Music Length chooses the tempo, the sandbox's composer makes
the music, and Fit Music fits it. The beats are those of the composer's score, so that no tracker
judges itself; they are followed through the pieces and the speeds of the fit. The peer is the same
fit without hits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..audio.arrays import Floats, Samples
from ..music.bars import Bars
from ..music.beats import Beats
from ..music.filling import hit_tempo
from ..music.fit import Fit, fit
from ..music.hits import ON_BEAT, Hit, Hits, read_hits
from ..music.remix import beats_of
from ..music.render import natural_length, render
from ..sandbox.composer import Sketch, compose
from .report import Row, arguments, report

GENRES = ("electronic", "acoustic guitar folk", "jazz trio", "techno", "cinematic", "lofi hip hop")
NEAR = (90, 100, 110, 120, 128)
_SHOT_SECONDS, _SPREAD, _LIMITS = 4.5, 0.45, (1.0, 12.0)
"""Median and spread of the lengths of shots, log-normal; a film of 45 s has nine or ten cuts."""
_WINDOW_SECONDS = 0.046


class Clip(NamedTuple):
    seconds: float
    hits: Hits
    near: int
    genre: str


class Result(NamedTuple):
    """What one clip gave. Errors are in seconds; a seam's flux is a share of the music's own."""

    times: Floats
    """Of the hits, as shares of the clip."""
    errors: Floats
    strong: Floats
    """Seconds from each strong hit to the nearest bar."""
    seams: Floats
    opens: bool
    """Whether the music's own beginning is heard."""
    lead: float
    exact: bool
    """Whether the length is right, and the ending is the music's, sample for sample."""


def clips(count: int, seed: int = 1) -> Iterator[Clip]:
    random = np.random.default_rng(seed)
    for number in range(count):
        cuts = int(random.integers(5, 15))
        shots = np.exp(random.normal(np.log(_SHOT_SECONDS), _SPREAD, cuts + 1)).clip(*_LIMITS)
        times = np.cumsum(shots)
        strengths = random.uniform(0.3, 1.0, cuts)
        text = json.dumps(
            [
                {"time": round(time, 3), "strength": round(strength, 2)}
                for time, strength in zip(times[:-1].tolist(), strengths.tolist(), strict=True)
            ]
        )
        seconds = round(float(times[-1]), 3)
        near = int(random.choice(NEAR))
        yield Clip(seconds, read_hits(text, None, seconds), near, GENRES[number % len(GENRES)])


def scored(clip: Clip) -> tuple[Sketch, float]:
    """Music for the clip at the tempo that Music Length chooses, and this tempo."""
    tempo = hit_tempo(clip.seconds, clip.near, clip.hits.hits).tempo
    return compose(f"{clip.genre}, {tempo:.0f} bpm", clip.seconds), tempo


def result(clip: Clip, made: Sketch, tempo: float, ending: str, *, hits: bool = True) -> Result:
    samples, rate = np.ascontiguousarray(made.waveform), made.sample_rate
    length = round(clip.seconds * rate)
    given = clip.hits if hits else Hits((), ())
    fitted = fit(samples, rate, length, tempo=tempo, ending=ending, hits=given)
    beats, bars = true_beats(fitted, made)
    strong = [hit for hit in clip.hits.hits if hit.strong]
    plan = fitted.plan
    assert plan is not None
    return Result(
        np.array([hit.time for hit in clip.hits.hits]) / clip.seconds,
        _errors(beats, clip.hits.hits),
        _errors(bars, strong),
        _seams(fitted),
        plan.pieces[0].start == 0,
        plan.warp[0][1] / rate if plan.warp else 0.0,
        fitted.samples.shape[1] == length and (ending != "keep" or _ends_alike(fitted)),
    )


def true_beats(fitted: Fit, made: Sketch) -> tuple[Floats, Floats]:
    """(beats, bars) in the result, in seconds, from the score of the music."""
    score, rate = made.score, made.sample_rate
    metre, tempo = score.style.metre, score.style.tempo
    numbers = np.arange(round((score.final - score.seconds(0)) * tempo / 60) + 1)
    times = np.array([score.seconds(float(number)) for number in numbers])
    track = fitted.track._replace(
        beats=Beats(times, tempo, 1.0), bars=Bars(metre, numbers % metre, times[::metre])
    )
    assert fitted.plan is not None
    grid = beats_of(track, fitted.plan.pieces)
    heard = fitted.plan.heard(grid.beats * rate) / rate
    return heard, heard[grid.downbeats]


def _errors(times: Floats, hits: Sequence[Hit]) -> Floats:
    moments = np.array([hit.time for hit in hits])
    return times[np.abs(times[:, None] - moments).argmin(axis=0)] - moments


def _ends_alike(fitted: Fit) -> bool:
    """Whether the last two bars are the music's, which silence may follow."""
    plan, source = fitted.plan, fitted.track.samples
    assert plan is not None
    count = round(2 * fitted.track.bars.meter * 60 / fitted.track.beats.bpm * fitted.sample_rate)
    end = round(float(plan.heard(np.array([float(sum(p.end - p.start for p in plan.pieces))]))[0]))
    cut = max(0, end - fitted.samples.shape[1])
    ours = fitted.samples[:, end - count : end - cut]
    theirs = source[:, source.shape[1] - count : source.shape[1] - cut]
    same = np.abs(ours - theirs)
    # The last samples of a sound that is cut while it is silent fade out.
    return float(same[:, : -round(0.01 * fitted.sample_rate)].max()) < 1e-5


def _seams(fitted: Fit) -> Floats:
    """Rise of the spectrum at each join and change of speed over that of the music.

    That is the 95th percentile at its beats or, at a change of speed, the rise at the same beat
    before the change, if this is larger.
    """
    rate, track, plan = fitted.sample_rate, fitted.track, fitted.plan
    assert plan is not None
    own = [_rise(track.samples, rate, beat - 0.005) for beat in track.beats.times[1:-1]]
    usual = float(np.percentile(own, 95))
    natural = render(track.samples, rate, plan.pieces, natural_length(plan.pieces), fade=plan.fade)
    changes = [
        _rise(fitted.samples, rate, after / rate) / max(usual, _rise(natural, rate, before / rate))
        for before, after in plan.warp[1:]
    ]
    return np.array(
        [*(_rise(fitted.samples, rate, join.at) / usual for join in fitted.joins), *changes]
    )


def _rise(samples: Samples, rate: int, moment: float) -> float:
    width, middle = round(_WINDOW_SECONDS * rate), round(moment * rate)
    parts = samples[:, max(0, middle - width) : middle], samples[:, middle : middle + width]
    if min(part.shape[1] for part in parts) < width:
        return 0.0
    window = np.hanning(width)
    before, after = (
        np.log1p(1000 / width * np.abs(np.fft.rfft(part.mean(axis=0) * window))) for part in parts
    )
    return float(np.maximum(after - before, 0).mean())


def rows(results: Sequence[Result], plain: Sequence[Result], name: str) -> list[Row]:
    """Shares of hits that are missed, beside the same music fitted without hits."""

    def missed(found: Sequence[Result], part: str) -> float:
        errors = np.concatenate([getattr(each, part) for each in found])
        return float(np.mean(np.abs(errors) > ON_BEAT))

    def drift(found: Sequence[Result]) -> float:
        """Change of the error of met hits from the beginning to the end of a clip."""
        times = np.concatenate([each.times for each in found])
        errors = np.concatenate([each.errors for each in found])
        met = np.abs(errors) <= ON_BEAT
        return abs(float(np.polyfit(times[met], errors[met], 1)[0])) if met.sum() > 2 else 0.0

    beats, bars = missed(results, "errors"), missed(results, "strong")
    seams = [float((each.seams > 1).mean()) for each in results if each.seams.size]
    own = [float((each.seams > 1).mean()) for each in plain if each.seams.size]
    return [
        Row(f"{name}: hits off a beat", beats, missed(plain, "errors"), beats, 0.10),
        Row(f"{name}: strong hits off a bar", bars, missed(plain, "strong"), bars, 0.40),
        Row(f"{name}: drift in s", drift(results), drift(plain), drift(results), 0.010),
        Row(
            f"{name}: seams above the music's own",
            float(np.mean(seams)),
            float(np.mean(own)) if own else 0.0,
            float(np.mean(seams)),
            max(0.05, float(np.mean(own)) if own else 0.0),
        ),
        Row(
            f"{name}: openings that are not the music's own",
            float(np.mean([not each.opens for each in results])),
            float(np.mean([not each.opens for each in plain])),
            float(np.mean([not each.opens for each in results])),
            float(np.mean([not each.opens for each in plain])),
        ),
        Row(
            f"{name}: lengths and endings that are not exact",
            float(np.mean([not each.exact for each in results])),
            float(np.mean([not each.exact for each in plain])),
            float(np.mean([not each.exact for each in results])),
            0.0,
        ),
    ]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--clips", type=int, default=30)
    options = parser.parse_args()
    found: dict[str, list[Result]] = {"keep": [], "last hit": []}
    plain: list[Result] = []
    for clip in clips(1 if options.small else options.clips):
        made, tempo = scored(clip)
        plain.append(result(clip, made, tempo, "keep", hits=False))
        for ending, results in found.items():
            results.append(result(clip, made, tempo, ending))
        last = found["keep"][-1]
        print(
            f"{clip.seconds:6.2f} s, {len(last.errors):2} cuts, {tempo:.0f} bpm {clip.genre}: "
            f"{np.mean(np.abs(last.errors) <= ON_BEAT):4.0%} on beats, "
            f"{np.mean(np.abs(last.strong) <= ON_BEAT):4.0%} of strong ones on bars, "
            f"{last.lead:.2f} s of silence first",
            flush=True,
        )
    shown = [row for ending, results in found.items() for row in rows(results, plain, ending)]
    report(shown, options.json)
    return 0
