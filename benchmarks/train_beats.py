"""Train the networks of the beat tracker: `python3 benchmarks/train_beats.py FOLDER --sources X`.

The pieces are those of `beat_material`; FOLDER keeps their features. The weights start at random
and go into the pack in half precision. A piece takes a second of one core, once, and training takes
a minute.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    scripts = Path(__file__).resolve().parent.parent / "scripts"
    sys.exit(runpy.run_path(str(scripts / "lib" / "pack.py"))["run"]("benchmarks.train_beats"))

import argparse
import math
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from ..audio.arrays import MediaError
from ..music import beat_network
from ..music.analysis import analyse
from ..music.beat_network import Networks, Perceptron, features, in_context, relative, sound_of
from .beat_material import Material
from .beat_set import RATE

_HIDDEN = 24
_NETWORKS = 4
"""So many are trained from other random weights: their mean is the answer, and is one network."""
_RATE = 3e-3
"""Of learning, at its highest."""
_DROPPED = 0.15
"""Share of hidden values that are left out."""
_LATE = 0.007
"""Seconds by which a tracker's beats differ from the true ones."""
_SHORTEST, _LONGEST = 0.17, 2.0
"""Seconds from beat to beat of a chain."""
_HELD = 12
"""One piece of so many is not trained on: its loss is printed."""
_CHAINS = (*beat_network.RELATIVES, (1, 1 / 4), (1, 3 / 4), (3 / 2, 3 / 4))
"""(step, phase) in beats of the chains among which the first is right."""

Errors = Callable[[np.ndarray], np.ndarray]
"""From the answers [n] of a network to the gradient of its loss by each of them."""
Batch = tuple[np.ndarray, np.ndarray | float, Errors]
"""Features [n, k], what is added to them in deviations, and the errors."""


class Piece(NamedTuple):
    beats: np.ndarray
    """[beats, 262] features of each beat."""
    downbeats: np.ndarray
    """[beats] 1 for downbeats, else 0."""
    chains: np.ndarray
    """[chains, 186] statistics of each chain; the first is right."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sources", type=Path, help="copies of the repositories with MIDI files")
    parser.add_argument("--pieces", type=int, default=300)
    parser.add_argument("--out", type=Path, default=beat_network.WEIGHTS)
    options = parser.parse_args()
    begun = time.process_time()
    pieces = list(read_pieces(options.folder, options.sources, options.pieces))
    used, held = [row for n, row in enumerate(pieces) if n % _HELD], pieces[::_HELD]
    print(f"{len(pieces)} pieces, {time.process_time() - begun:.0f} s of CPU", flush=True)
    chain = _mean_of([train_chain(used, seed) for seed in range(1, _NETWORKS + 1)])
    downbeat = _mean_of([train_downbeat(used, seed) for seed in range(1, _NETWORKS + 1)])
    for name, some in (("used", used), ("others", held)):
        right = np.mean([chain(piece.chains).argmax() == 0 for piece in some])
        truth = np.concatenate([piece.downbeats for piece in some])
        odds = np.concatenate([downbeat(piece.beats) for piece in some])
        cost = np.mean(np.logaddexp(0, odds) - truth * odds)
        print(f"{name}: {right:.3f} of {len(some)} chains, loss of the downbeats {cost:.4f}")
    rows = {
        f"{kind}_{name}": row.astype(np.float16)
        for kind, network in Networks(chain, downbeat)._asdict().items()
        for name, row in network._asdict().items()
    }
    np.savez(options.out, **rows)
    size = options.out.stat().st_size / 1024
    print(f"{options.out.name}: {size:.0f} KiB, {time.process_time() - begun:.0f} s of CPU")
    return 0


def read_pieces(folder: Path, sources: Path | None, count: int) -> Iterator[Piece]:
    """The first `count` pieces; those that FOLDER does not have are rendered."""
    folder.mkdir(parents=True, exist_ok=True)
    material = Material(sources) if sources else None
    for number in range(count):
        path = folder / f"{number:05}.npz"
        if not path.is_file() and material:
            try:
                samples, beats, places = material.piece(number)
                found = analyse(samples[None], RATE)
            except (ValueError, MediaError) as error:
                print(f"piece {number} is left out: {error}")
                continue
            chroma = found.chroma.astype(np.float16)
            np.savez(path, spectrum=found.spectrum, chroma=chroma, beats=beats, places=places)
        if path.is_file():
            with np.load(path) as data:
                names = ("spectrum", "chroma", "beats", "places")
                spectrum, chroma, beats, places = (data[name] for name in names)
            if beats.size >= 16:
                rng = np.random.default_rng(number)
                yield _piece(spectrum, chroma, beats, places, rng)


def _piece(
    spectrum: np.ndarray,
    chroma: np.ndarray,
    beats: np.ndarray,
    places: np.ndarray,
    rng: np.random.Generator,
) -> Piece:
    sound, rows, chains = sound_of(spectrum, chroma), [], []
    for step, phase in _CHAINS:
        times = relative(beats, step, phase)
        if times.shape[0] > 5 and _SHORTEST < np.median(np.diff(times)) < _LONGEST:
            times = np.sort(times + rng.normal(0, _LATE, times.shape[0]))
            rows.append(features(sound, times))
            chains.append(beat_network.statistics(rows[-1]))
    return Piece(in_context(rows[0]), (places == 0).astype(np.float32), np.array(chains))


def train_chain(pieces: list[Piece], seed: int) -> Perceptron:
    """The network that scores chains: a softmax over the chains of each piece."""

    def batch(rng: np.random.Generator) -> Batch:
        some = [pieces[int(number)].chains for number in rng.integers(0, len(pieces), 12)]
        edges = np.cumsum([len(rows) for rows in some])[:-1]

        def error(scores: np.ndarray) -> np.ndarray:
            out = []
            for part in np.split(scores, edges):
                share = np.exp(part - part.max())
                share /= share.sum()
                share[0] -= 1
                out.append(share / len(some))
            return np.concatenate(out)

        # The same noise on all chains of a piece: only their differences count.
        shifts = [0.3 * rng.standard_normal(rows.shape[1]) + np.zeros(rows.shape) for rows in some]
        return np.vstack(some), np.vstack(shifts), error

    every = np.vstack([piece.chains for piece in pieces])
    return _train(batch, every, seed, steps=300, decay=3e-3, noise=0.3)


def train_downbeat(pieces: list[Piece], seed: int) -> Perceptron:
    """The network that tells downbeats: the cross entropy of each beat."""
    beats = np.vstack([piece.beats for piece in pieces])
    truth = np.concatenate([piece.downbeats for piece in pieces])

    def batch(rng: np.random.Generator) -> Batch:
        chosen = rng.integers(0, beats.shape[0], 256)
        right = truth[chosen]
        return beats[chosen], 0.0, lambda odds: (1 / (1 + np.exp(-odds)) - right) / len(right)

    steps = 25 * beats.shape[0] // 256
    return _train(batch, beats, seed, steps=steps, decay=1e-3, noise=0.1)


def _train(
    batch: Callable[[np.random.Generator], Batch],
    every: np.ndarray,
    seed: int,
    *,
    steps: int,
    decay: float,
    noise: float,
) -> Perceptron:
    """A network from random weights, by Adam (D. Kingma and J. Ba, 2015)."""
    rng, size = np.random.default_rng(seed), every.shape[1]
    mean, spread = every.mean(axis=0), every.std(axis=0) + 1e-2
    layers = [
        rng.normal(0, 1 / math.sqrt(size), (size, _HIDDEN)),
        np.zeros(_HIDDEN),
        np.append(rng.normal(0, 1 / math.sqrt(_HIDDEN), _HIDDEN), 0),
    ]
    layers = [layer.astype(np.float32) for layer in layers]
    means, squares = ([np.zeros_like(layer) for layer in layers] for _ in range(2))
    for step in range(1, steps + 1):
        heard, shift, errors = batch(rng)
        heard = (heard - mean) / spread + shift + noise * rng.standard_normal(heard.shape)
        slopes = _slopes(layers, heard.astype(np.float32), errors, decay, rng)
        rate = _RATE * max(0.03, math.cos(step / steps * math.pi / 2))
        for number, slope in enumerate(slopes):
            means[number] = 0.9 * means[number] + 0.1 * slope
            squares[number] = 0.999 * squares[number] + 0.001 * slope**2
            width = np.sqrt(squares[number] / (1 - 0.999**step)) + 1e-8
            turn = rate * means[number] / (1 - 0.9**step) / width
            layers[number] = (layers[number] - turn).astype(np.float32)
    weights, biases, outputs = layers
    # The network takes the features as they come.
    return Perceptron(weights / spread[:, None], biases - (mean / spread) @ weights, outputs)


def _slopes(
    layers: list[np.ndarray],
    heard: np.ndarray,
    errors: Errors,
    decay: float,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    weights, biases, outputs = layers
    sums = heard @ weights + biases
    kept = ((rng.random(sums.shape) >= _DROPPED) / (1 - _DROPPED)).astype(np.float32)
    state = np.maximum(sums, 0) * kept
    error = errors(state @ outputs[:-1] + outputs[-1]).astype(np.float32)
    back = np.outer(error, outputs[:-1]) * kept * (sums > 0)
    last = np.append(state.T @ error + decay * outputs[:-1], error.sum())
    return [heard.T @ back + decay * weights, back.sum(axis=0), last]


def _mean_of(networks: list[Perceptron]) -> Perceptron:
    """One network whose answer is the mean of theirs."""
    outputs = [network.outputs[:-1] / len(networks) for network in networks]
    bias = np.mean([network.outputs[-1] for network in networks])
    return Perceptron(
        np.hstack([network.weights for network in networks]),
        np.concatenate([network.biases for network in networks]),
        np.append(np.concatenate(outputs), bias).astype(np.float32),
    )
