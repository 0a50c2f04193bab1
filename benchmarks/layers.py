"""Layers: `python3 benchmarks/run.py layers`.

Pieces of the arranger are rendered instrument by instrument by `fluidsynth` with Debian's
soundfonts, so that the drums, the bass and the rest of each mix are known. The drums are 4 dB below
the rest. The figure is the signal-to-distortion ratio of a layer, above that of the whole mix in
its place. The peer is what a user of librosa would write: `librosa.effects.hpss`, and a Butterworth
low-pass of the harmonic part. The ratio of such a row is 10^((peer - ours) / 10): below 1, ours is
better. The other rows are the sum of the layers after 24 bits, and the time.
"""

from __future__ import annotations

import shutil
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..audio.arrays import Samples, rms
from ..music.layer_masks import cut_layers
from ..music.methods import CROSSOVER, LAYERS
from ..sandbox.composer import compose
from .arranger import DRUMS, arrange
from .beat_set import FONTS
from .midi import Note, midi_file, played
from .report import Row, arguments, compare, report

RATE = 44100
STYLES = ("rock", "house", "pop", "hip hop", "funk", "swing", "bossa", "waltz", "breaks", "metal")
BASS = 0
"""The arranger's channel."""
MOST_SECONDS = 1.0
"""For each minute of stereo."""
MOST_ERROR = 10 ** (-90 / 20)
_FIRST_SEED = 300
_DRUMS_BELOW = 4.0


def main() -> int:
    options = arguments(__doc__).parse_args()
    seconds = 6.0 if options.small else 60.0
    sketch = compose("techno, 128 bpm", 10.0 if options.small else 60.0)
    track = np.ascontiguousarray(sketch.waveform)
    cut_layers(track[:, :RATE], sketch.sample_rate)
    begun = time.process_time()
    made = cut_layers(track, sketch.sample_rate)
    took = (time.process_time() - begun) * 60 * sketch.sample_rate / track.shape[1]
    steps = 1 << 23
    saved = np.sum([np.round(layer * steps) / steps for layer in made.all], axis=0)
    error = float(np.abs(saved - track).max())
    rows = [
        compare("seconds a minute of stereo", took, MOST_SECONDS, 1.0),
        compare("sum of the layers in 24 bits, from the track", error, MOST_ERROR, 1.0),
    ]
    fonts = [font for font in FONTS if font.is_file()]
    if not fonts or not shutil.which("fluidsynth"):
        print("fluidsynth or its soundfonts are missing: install fluidsynth, fluid-soundfont-gm.")
    else:
        styles = STYLES[:1] if options.small else STYLES
        rows += _separation(styles, fonts, min(seconds, 20.0), with_peer=not options.small)
    report(rows, options.json)
    return 0


def _separation(
    styles: Sequence[str], fonts: Sequence[Path], seconds: float, *, with_peer: bool
) -> list[Row]:
    """A row for each layer: the mean of the pieces in dB, ours and the peer's."""
    ways: dict[str, Callable[[Samples], Sequence[Samples]]] = {
        "ours": lambda mix: cut_layers(mix, RATE).all
    }
    if with_peer:
        ways["librosa"] = _by_librosa
    gains: dict[str, list[list[float]]] = {name: [] for name in ways}
    took = dict.fromkeys(ways, 0.0)
    for number, style in enumerate(styles):
        stems = _stems(style, number, fonts[number % len(fonts)], seconds)
        mix = stems[0] + stems[1] + stems[2]
        for name, way in ways.items():
            begun = time.process_time()
            found = way(mix)
            took[name] += time.process_time() - begun
            gains[name].append(
                [
                    _ratio(stem, one) - _ratio(stem, mix)
                    for stem, one in zip(stems, found, strict=True)
                ]
            )
    rows: list[Row] = []
    means = {name: np.mean(each, axis=0) for name, each in gains.items()}
    for index, layer in enumerate(LAYERS):
        ours, peer = means["ours"][index], means.get("librosa", np.full(3, np.nan))[index]
        rows.append(
            Row(f"{layer}: dB won over the mix", ours, peer, 10 ** ((peer - ours) / 10), None)
        )
    if with_peer:
        minutes = len(styles) * seconds / 60
        rows.append(
            compare(
                "seconds a minute, to librosa", took["ours"] / minutes, took["librosa"] / minutes
            )
        )
    return rows


def _stems(style: str, number: int, font: Path, seconds: float) -> list[Samples]:
    """Drums, bass and the rest of a piece, [2, n] each."""
    piece = arrange(_FIRST_SEED + number, seconds, style=style)
    groups: list[list[Note]] = [[], [], []]
    for note in piece.notes:
        groups[{DRUMS: 0, BASS: 1}.get(note.channel, 2)].append(note)
    drums, bass, rest = (_played(each, piece.programs, seconds, font) for each in groups)
    level = 10 ** (-_DRUMS_BELOW / 20) * rms(bass + rest) / max(rms(drums), 1e-9)
    drums *= np.float32(level)
    peak = float(np.abs(drums + bass + rest).max())
    return [each * np.float32(0.8 / peak) for each in (drums, bass, rest)]


def _played(notes: list[Note], programs: dict[int, int], seconds: float, font: Path) -> Samples:
    """[2, n] of notes without a room: several add up to what they sound like together."""
    count = round(seconds * RATE)
    options = ("-r", str(RATE), "-g", "0.4", "-R", "0", "-C", "0", "-O", "float")
    heard = played(midi_file(notes, programs, seconds), font, 8 * count, *options)
    samples = np.frombuffer(heard[: len(heard) // 8 * 8], "<f4").reshape(-1, 2).T
    return np.pad(samples, ((0, 0), (0, count - samples.shape[1]))).astype(np.float32)


def _by_librosa(mix: Samples) -> Sequence[Samples]:
    import librosa
    from scipy import signal

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        harmonic, drums = librosa.effects.hpss(mix)
    lowpass: Any = signal.butter(4, CROSSOVER, fs=RATE, output="sos")
    low = signal.sosfiltfilt(lowpass, harmonic, axis=1).astype(np.float32)
    return drums, low, mix - drums - low


def _ratio(source: Samples, found: Samples) -> float:
    """Signal to distortion in dB."""
    off = float(((source - found) ** 2).sum())
    return 10 * float(np.log10(float((source**2).sum()) / max(off, 1e-12)))
