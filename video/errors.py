"""What can be wrong with a picture or with the sound for it.

ValueError
├── PictureError   the picture's file: no picture in it, cut off, not readable
└── SoundError     the samples that came with it: shape, rate, NaN
"""

from __future__ import annotations


class PictureError(ValueError):
    """The picture cannot be used; the message says what was wrong, and what to do next."""

    # ComfyUI shows a type with its module, and names that by the path of the pack's folder.
    __module__ = "aigateway"


class SoundError(ValueError):
    """The samples cannot be used; the message says what was wrong, and what to do next."""

    # ComfyUI shows a type with its module, and names that by the path of the pack's folder.
    __module__ = "aigateway"
