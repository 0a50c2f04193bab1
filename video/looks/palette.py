"""Colours of levels, from the background over violet and orange to near white."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..canvas import Color

STOPS = (
    (0.0, (14, 16, 22)),
    (0.25, (58, 26, 104)),
    (0.5, (160, 44, 122)),
    (0.75, (246, 124, 76)),
    (1.0, (255, 246, 198)),
)


def rgb_palette() -> npt.NDArray[np.uint8]:
    """[256, 3] in RGB."""
    places = np.linspace(0, 1, 256)
    stops = [place for place, _ in STOPS]
    colors = np.asarray([color for _, color in STOPS])
    mixed = [np.interp(places, stops, colors[:, index]) for index in range(3)]
    return np.rint(np.stack(mixed, axis=1)).astype(np.uint8)


def palette() -> npt.NDArray[np.uint8]:
    """[3, 256] as y, u, v."""
    colors = [Color.of((int(red), int(green), int(blue))) for red, green, blue in rgb_palette()]
    return np.ascontiguousarray(np.asarray(colors, np.uint8).T)
