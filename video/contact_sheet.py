"""A contact sheet: one image with small pictures of a clip's scenes and their times."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from ..audio.plot import font
from .small_frames import Pixels, SmallFrame

FEWEST, MOST = 6, 12
"""Smallest and largest number of pictures on a sheet, if the clip has enough frames."""
LARGEST = 1024
"""Pixels of the sheet's longer side, at most."""
_KEPT = 4 * MOST
_SIDE = 340
"""Pixels of the longer side of a picture."""


class Thumbnails:
    """Small pictures, evenly spread over a clip. The length of the clip is known only at its
    end."""

    def __init__(self) -> None:
        self._pictures: list[tuple[float, Pixels]] = []
        self._gap = 0.1

    def add(self, frame: SmallFrame) -> None:
        """Take a frame, or leave it out."""
        time = float(frame.time)
        if self._pictures and time < self._pictures[-1][0] + self._gap:
            return
        self._pictures.append((time, frame.thumbnail(_SIDE)))
        if len(self._pictures) > _KEPT:
            del self._pictures[1::2]
            self._gap *= 2

    def chosen(self, cuts: Sequence[float], seconds: float) -> list[tuple[float, Pixels]]:
        """6 to 12 pictures and their times in seconds: the middles of the scenes between `cuts`.

        The longest scenes have several pictures. If there are too many scenes, some are omitted at
        even steps.
        """
        edges = [0.0, *cuts, seconds]
        scenes = [(low, high) for low, high in pairwise(edges) if high > low]
        while 0 < len(scenes) < FEWEST:
            longest = max(scenes, key=lambda scene: scene[1] - scene[0])
            at, middle = scenes.index(longest), sum(longest) / 2
            scenes[at : at + 1] = [(longest[0], middle), (middle, longest[1])]
        if len(scenes) > MOST:
            indexes = np.linspace(0, len(scenes) - 1, MOST).round().astype(int)
            scenes = [scenes[index] for index in indexes]
        times = np.array([time for time, _ in self._pictures])
        indexes = [int(np.abs(times - (low + high) / 2).argmin()) for low, high in scenes]
        return [self._pictures[index] for index in sorted(set(indexes))]


def contact_sheet(pictures: Sequence[tuple[float, Pixels]]) -> Pixels:
    """`pictures` with their times, in rows: RGB [height, width, 3], each side at most 1024."""
    tall, wide = (max(picture.shape[side] for _, picture in pictures) for side in (0, 1))
    count = len(pictures)

    def scale(columns: int) -> float:
        return min(LARGEST / (columns * wide), LARGEST / (-(-count // columns) * tall), 1.0)

    columns = max(range(1, count + 1), key=lambda columns: (scale(columns), -columns))
    cell = [max(1, int(side * scale(columns))) for side in (wide, tall)]
    rows = -(-count // columns)
    sheet = Image.new("RGB", (columns * cell[0], rows * cell[1]))
    draw = ImageDraw.Draw(sheet)
    for number, (time, picture) in enumerate(pictures):
        left, top = number % columns * cell[0], number // columns * cell[1]
        image = Image.fromarray(picture)
        image.thumbnail((cell[0], cell[1]))
        sheet.paste(image, (left, top))
        text = f"{int(time // 60)}:{time % 60:04.1f}"
        face = font(14)
        box = draw.textbbox((left + 4, top + 3), text, face)
        draw.rectangle((box[0] - 3, box[1] - 2, box[2] + 3, box[3] + 2), fill=(0, 0, 0))
        draw.text((left + 4, top + 3), text, (255, 255, 255), face)
    return np.asarray(sheet)
