"""Fonts for words in pictures."""

from __future__ import annotations

from PIL import ImageFont

# Pillow's own font holds Latin letters alone; these hold what else is written in a title.
_SYSTEM_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "msyh.ttc",
    "PingFang.ttc",
    "Arial Unicode.ttf",
    "DejaVuSans.ttf",
    "arial.ttf",
)


def font(text: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font of about `size` pixels for `text`."""
    if not text.isascii():
        for name in _SYSTEM_FONTS:
            try:
                return ImageFont.truetype(name, size)
            except OSError:
                continue
    try:
        return ImageFont.load_default(size)
    except TypeError:
        # Pillow before 10.1 has one size.
        return ImageFont.load_default()
