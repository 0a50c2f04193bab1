"""The tags of a saved file: its graph, and the receipt of a bought track."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..sandbox import SKETCH_NOTICE

if TYPE_CHECKING:
    from ..api.money.job import Job

_TITLE_LENGTH = 100


def graph_tags(prompt: Any, extra_pnginfo: Mapping[str, Any] | None) -> dict[str, str]:
    """The graph, in the form that ComfyUI's frontend reads from a file: strict JSON in ASCII."""
    tags = {key: _json(value) for key, value in (extra_pnginfo or {}).items()}
    if prompt is not None:
        tags["prompt"] = _json(prompt)
    return tags


def _json(value: Any) -> str:
    """`value` as JSON. NaN and infinity become null, as in JavaScript."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {
            _finite(key) if isinstance(key, float) else key: _finite(item)
            for key, item in value.items()
        }
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value


def job_tags(job: Job, measured_duration: float) -> dict[str, str]:
    """The title and the receipt of a track. They hold no key and no signed address."""
    receipt = {
        "model": job.model,
        "selected_model": job.selected or job.model,
        "prompt": job.prompt,
        "take": job.take,
        "job_id": job.job_id,
        "requested_duration": job.duration,
        "measured_duration": round(measured_duration, 6),
        "price_usd": job.cost,
        "service": job.service,
    }
    tags = {"title": job.prompt[:_TITLE_LENGTH], "receipt": json.dumps(receipt)}
    if job.is_free:
        tags["comment"] = SKETCH_NOTICE
    return tags
