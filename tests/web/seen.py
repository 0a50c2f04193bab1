"""What is measured of a page as it is seen: pixels, contrasts, and what axe-core finds."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from .. import javascript_tools
from .canvas import Canvas

Color = tuple[int, int, int]

AXE = javascript_tools.FOLDER / "node_modules" / "axe-core" / "axe.min.js"
TWO_FRAMES = """() => new Promise((drawn) =>
  requestAnimationFrame(() => requestAnimationFrame(drawn)))"""
# Of what is found only that within the elements counts, and each part of them has to be measured.
RUN_AXE = """async (selectors) => {
  const found = await window.axe.run({ include: selectors.map((each) => [each]) });
  const grave = ({ impact }) => impact === "serious" || impact === "critical";
  const list = (rules) => rules.flatMap(({ id, nodes }) =>
    nodes.map(({ html, any }) => `${id}: ${html.slice(0, 200)} ${any[0]?.message ?? ""}`));
  const contrast = ({ id }) => id === "color-contrast";
  return {
    faults: list(found.violations.filter(grave)),
    unmeasured: list(found.incomplete.filter(contrast)),
    measured: list(found.passes.filter(contrast)).length,
  };
}"""


def axe(canvas: Canvas, *selectors: str) -> dict[str, Any]:
    """What axe-core finds in elements: faults of serious or critical impact, and the texts whose
    contrast it could not measure; the number of those that it could."""
    complaint = javascript_tools.install()
    if complaint:
        pytest.skip(complaint)
    canvas.page.evaluate(f"() => {{ {AXE.read_text('utf-8')} }}")
    return canvas.page.evaluate(RUN_AXE, list(selectors))


def colors(taken: bytes) -> dict[Color, int]:
    """How many pixels of a picture have each color."""
    picture = Image.open(BytesIO(taken)).convert("RGB")
    counted: Any = picture.getcolors(picture.width * picture.height)
    return {color: count for count, color in counted}


def pixels_of(canvas: Canvas, color: Color) -> int:
    """How many pixels of the page have exactly this color, once what has changed is drawn."""
    canvas.page.evaluate(TWO_FRAMES)
    return colors(canvas.page.screenshot()).get(color, 0)


def contrast(element: Any) -> float:
    """The contrast of an element's text with what is seen behind it, as WCAG defines it."""
    seen = colors(element.screenshot())
    behind = max(seen, key=lambda color: seen[color])
    text = element.evaluate("(element) => getComputedStyle(element).color")
    red, green, blue = map(int, re.findall(r"\d+", text)[:3])
    dark, light = sorted((_luminance(behind), _luminance((red, green, blue))))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Color) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in color)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
