"""Train the small CTC network on speech of espeak-ng, and write the held-out speech of the tests.

Run it where espeak-ng is installed: `python -m tests.music.ctc.train` in the folder of the pack.
It takes about ten minutes of one core.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import torch
from torch.nn.functional import cross_entropy, ctc_loss

from .espeak import Espeak, Spoken
from .network import LABELS, RATE, WEIGHTS, SmallCtc

_FOLDER = Path(__file__).parent
SPEECH = _FOLDER / "speech"
_NUMBER = {label: number for number, label in enumerate(LABELS)}
_FRAME = 320
_BATCH = 16
_VOICES = ("en", "en-us", "en-gb-scotland", "en-us+f2", "en+f3", "en-us+m3", "en+m4", "en-us+f4")

HELD_OUT = (
    ("lantern", "en-us", 130, 45, "carry the lantern down to the water\nlet every window shine"),
    (
        "harbor",
        "en",
        120,
        60,
        "silver birds are sleeping in the harbor\nnobody calls my name again",
    ),
    (
        "train",
        "en-us+f2",
        125,
        55,
        "the midnight train has gone without me\ni was counting broken stars",
    ),
    ("garden", "en+m4", 135, 40, "we planted seven apples by the river\nand the summer never came"),
    ("radio", "en-us", 110, 35, "turn the radio a little louder\ndance until the morning light"),
    ("winter", "en+f3", 140, 65, "winter took the colors from the mountain\nhold my hand and walk"),
)
"""Name, voice, words a minute, pitch and lines of the speech that the network never hears."""

Sound = npt.NDArray[np.float32]


def spoken_pool(
    espeak: Espeak, count: int, random: np.random.Generator
) -> list[tuple[str, Spoken]]:
    """Sentences of random words with their speech."""
    words = (_FOLDER / "words.txt").read_text("utf-8").split()
    pool = []
    while len(pool) < count:
        text = " ".join(random.choice(words, random.integers(3, 9)))
        voice = str(random.choice(_VOICES))
        speed, pitch = int(random.integers(95, 190)), int(random.integers(25, 80))
        spoken = espeak.speak(text, voice, speed, pitch)
        if len(spoken.samples) < 5 * RATE:
            pool.append((text, spoken))
    return pool


def tones(seconds: float, random: np.random.Generator) -> Sound:
    """Chords with overtones, a bass and clicks: music for the background."""
    length = int(seconds * RATE)
    t = np.arange(length) / RATE
    out = np.zeros(length)
    beat = random.uniform(0.25, 0.7)
    for start in np.arange(0, seconds, beat):
        inside = (t >= start) & (t < start + beat)
        local = t[inside] - start
        decay = np.exp(-local * random.uniform(0.5, 6))
        for note in random.choice(np.arange(36, 84), random.integers(1, 5)):
            pitch = 440 * 2 ** ((note - 69) / 12)
            for overtone in range(1, random.integers(2, 9)):
                if overtone * pitch < RATE / 2:
                    out[inside] += decay * np.sin(2 * np.pi * overtone * pitch * local) / overtone
        hit = np.exp(-local * random.uniform(20, 90)) * random.normal(size=len(local))
        out[inside] += random.uniform(0, 3) * hit
    return out.astype(np.float32)


def mixed(speech: Sound, other: Sound, decibels: float) -> Sound:
    """Speech with another sound whose RMS is `decibels` below that of the speech."""
    level = float(np.sqrt(np.mean(speech**2)) / (np.sqrt(np.mean(other**2)) + 1e-9))
    return speech + other[: len(speech)] * np.float32(level * 10 ** (-decibels / 20))


def example(
    text: str, spoken: Spoken, music: list[Sound], random: np.random.Generator
) -> tuple[Sound, list[int], npt.NDArray[np.int64]]:
    """A waveform, its labels, and a label for each frame: letters spread over their word."""
    head = np.zeros(int(random.uniform(0, 0.6) * RATE), np.float32)
    tail = np.zeros(int(random.uniform(0, 0.4) * RATE), np.float32)
    sound = np.concatenate([head, spoken.samples, tail])
    frames = np.zeros(len(sound) // _FRAME, np.int64)
    labels: list[int] = []
    words = text.split()
    places = [(n, at) for n, at in enumerate(spoken.starts) if at is not None]
    ends = [at for _, at in places[1:]] + [len(spoken.samples) / RATE - 0.05]
    followers = [n for n, _ in places[1:]] + [len(words)]
    for (first, start), end, after in zip(places, ends, followers, strict=True):
        letters = [_NUMBER[letter] for letter in "|".join(words[first:after])]
        offset = len(head) / RATE
        edges = np.linspace(start + offset, min(end, start + 0.6) + offset, len(letters) + 1)
        marks = np.round(edges * RATE / _FRAME).astype(int)
        for letter, begin, stop in zip(letters, marks, marks[1:], strict=False):
            frames[begin:stop] = letter
    for number, word in enumerate(words):
        labels += [_NUMBER["|"]] if number else []
        labels += [_NUMBER[letter] for letter in word]
    kind = random.random()
    if kind < 0.35:
        noise = random.normal(size=len(sound)).astype(np.float32)
        sound = mixed(sound, noise, random.uniform(3, 30))
    elif kind < 0.85:
        background = music[random.integers(len(music))]
        shift = random.integers(0, len(background) - len(sound))
        sound = mixed(sound, background[shift:], random.uniform(1, 20))
    return sound * np.float32(random.uniform(0.1, 1.5)), labels, frames


def train(steps: int, pool_size: int, seed: int) -> SmallCtc:
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    began = time.monotonic()
    pool = spoken_pool(Espeak(), pool_size, random)
    music = [tones(12, random) for _ in range(40)]
    print(f"{len(pool)} sentences after {time.monotonic() - began:.0f} s", flush=True)
    network = SmallCtc()
    print(f"{sum(p.numel() for p in network.parameters()):,} weights")
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps, pct_start=0.1)
    for step in range(steps):
        chosen = [pool[i] for i in random.integers(len(pool), size=_BATCH)]
        batch = [example(text, spoken, music, random) for text, spoken in chosen]
        longest = max(len(sound) for sound, _, _ in batch)
        longest = -(-longest // _FRAME) * _FRAME
        waves = torch.zeros(_BATCH, longest)
        marks = torch.zeros(_BATCH, longest // _FRAME, dtype=torch.long)
        for row, (sound, _, frames) in enumerate(batch):
            waves[row, : len(sound)] = torch.from_numpy(sound)
            marks[row, : len(frames)] = torch.from_numpy(frames)
        logits, _ = network(waves)
        logp = logits.log_softmax(-1)
        targets = torch.tensor([label for _, labels, _ in batch for label in labels])
        sizes = torch.tensor([len(labels) for _, labels, _ in batch])
        lengths = torch.tensor([len(frames) for _, _, frames in batch])
        free = ctc_loss(logp.transpose(0, 1), targets, lengths, sizes, zero_infinity=True)
        framed = cross_entropy(logits.flatten(0, 1), marks.flatten())
        share = max(0.15, 1 - 2 * step / steps)
        loss = (1 - share) * free + share * framed
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == steps - 1:
            minutes = (time.monotonic() - began) / 60
            print(f"{step:5} ctc {free:.3f} framed {framed:.3f}, {minutes:.1f} min", flush=True)
    return network


def write_speech() -> None:
    """The held-out sentences as Ogg Vorbis with the times of their words."""
    SPEECH.mkdir(exist_ok=True)
    espeak = Espeak()
    facts = {}
    for name, voice, speed, pitch, lines in HELD_OUT:
        spoken = espeak.speak(" ".join(lines.split()), voice, speed, pitch)
        pause = np.zeros(RATE // 2, np.float32)
        sound = np.concatenate([pause, spoken.samples, pause])
        soundfile.write(SPEECH / f"{name}.ogg", sound, RATE, format="OGG", subtype="VORBIS")
        starts = [None if at is None else round(at + 0.5, 4) for at in spoken.starts]
        facts[name] = {"lyrics": lines, "starts": starts}
    (SPEECH / "speech.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--sentences", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=29)
    parser.add_argument("--speech-only", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    write_speech()
    if not options.speech_only:
        network = train(options.steps, options.sentences, options.seed)
        halves = {name: value.half() for name, value in network.state_dict().items()}
        torch.save(halves, WEIGHTS)
        print(f"{WEIGHTS.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
