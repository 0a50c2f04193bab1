"""The ratios of a benchmark as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from .report import Row


def draw(rows: Sequence[Row]) -> bytes:
    """Horizontal bars of the ratios, the peer's 1.0 as a line and each goal as a mark; PNG."""
    font = ImageFont.load_default()
    left, bar, width, line = 420, 520, 1040, 22
    image = Image.new("RGB", (width, line * (len(rows) + 2)), (24, 26, 31))
    canvas = ImageDraw.Draw(image)
    for number, row in enumerate(rows, 1):
        top = number * line
        color = {"met": (92, 184, 122), "missed": (232, 92, 84)}.get(row.verdict, (122, 184, 236))
        end = left + min(row.ratio, 1.1) / 1.1 * bar
        canvas.text((10, top + 4), row.name, (200, 204, 212), font)
        canvas.rectangle((left, top + 4, max(end, left + 1), top + line - 4), color)
        canvas.text((left + bar + 14, top + 4), f"{row.ratio:.2g}", (200, 204, 212), font)
        if row.goal is not None:
            mark = left + min(row.goal, 1.1) / 1.1 * bar
            canvas.line((mark, top + 1, mark, top + line - 1), (250, 250, 250), 2)
    peer = left + bar / 1.1
    canvas.line((peer, line, peer, image.height - line), (142, 148, 160))
    canvas.text((peer - 16, 6), "peer", (142, 148, 160), font)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
