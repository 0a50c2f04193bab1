"""The clip of the example workflows: a sunrise drawn by numpy, a voice spoken by espeak-ng."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import av
import numpy as np

FPS, SECONDS = 24, 12
WIDTH, HEIGHT = 640, 360
RATE = 48_000
WORDS = (
    "This is a short clip, with a voice. While somebody speaks, the music gets lower. "
    "After that, it comes back."
)
SPEAKS_AT = 2.5


def write(path: Path) -> None:
    with av.open(str(path), "w") as output:
        picture: Any = output.add_stream("libx264", rate=FPS, options={"crf": "28"})
        picture.width, picture.height, picture.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound: Any = output.add_stream("aac", rate=RATE, layout="mono")
        sound.bit_rate = 64_000
        for number in range(FPS * SECONDS):
            frame = av.VideoFrame.from_ndarray(drawn(number / (FPS * SECONDS)), format="rgb24")
            output.mux(picture.encode(frame))
        output.mux(picture.encode(None))
        spoken = av.AudioFrame.from_ndarray(voice()[None, :], format="fltp", layout="mono")
        spoken.sample_rate = RATE
        output.mux(sound.encode(spoken))
        output.mux(sound.encode(None))


def drawn(share: float) -> np.ndarray:
    """The picture [height, width, 3] when so much of the sunrise is over, 0 to 1."""
    down = np.linspace(0, 1, HEIGHT)[:, None, None]
    night, dawn, day = ((12, 16, 48), (250, 130, 90), (255, 226, 170))
    top = mixed(night, (70, 130, 200), share)
    bottom = mixed(mixed((60, 30, 70), dawn, share * 2), day, share)
    image = np.tile(top * (1 - down) + bottom * down, (1, WIDTH, 1))
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    distance = np.hypot(x - 0.62 * WIDTH, y - HEIGHT * (0.95 - 0.62 * share))
    glow = np.exp(-distance / 90)[:, :, None]
    image = image * (1 - glow) + np.array((255, 240, 200)) * glow
    image = np.where((distance < 36)[:, :, None], np.array((255, 244, 214)), image)
    for depth, speed in ((0.62, 40), (0.74, 90), (0.87, 170)):
        place = np.arange(WIDTH) + speed * share
        waves = np.sin(place * 0.011 / depth) + 0.6 * np.sin(place * 0.023 / depth + depth * 20)
        edge = HEIGHT * depth + waves * 18
        near = mixed((16, 14, 34), (40, 78, 62), share) * (1.25 - depth)
        image = np.where((y > edge[None, :])[:, :, None], near * 1.6, image)
    return image.clip(0, 255).astype(np.uint8)


def mixed(one: Any, other: Any, share: float) -> np.ndarray:
    share = min(max(share, 0.0), 1.0)
    return np.asarray(one, float) * (1 - share) + np.asarray(other, float) * share


def voice() -> np.ndarray:
    """Mono float32 of the clip's length, with the words in it."""
    whole = np.zeros(SECONDS * RATE, np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voice.wav"
        subprocess.run(["espeak-ng", "-v", "en", "-s", "150", "-w", str(path), WORDS], check=True)
        with av.open(str(path)) as spoken:
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
            parts = [
                made.to_ndarray()[0]
                for frame in [*spoken.decode(audio=0), None]
                for made in resampler.resample(frame)
            ]
    words = np.concatenate(parts)
    begin = round(SPEAKS_AT * RATE)
    words = words[: len(whole) - begin]
    whole[begin : begin + len(words)] = words * 0.6
    return whole
