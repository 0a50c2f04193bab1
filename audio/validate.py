"""Check ComfyUI's AUDIO when it enters the pack, and convert it to one form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypedDict

import torch

from .arrays import MediaError, check_sample_rate
from .stopping import looked

_BLOCK = 1 << 19
"""Samples that are checked at a time."""


class Audio(TypedDict):
    """`waveform`: float32 [batch, channels, samples] at full scale 1.0; `sample_rate` in Hz."""

    waveform: torch.Tensor
    sample_rate: int


def check(audio: object) -> Audio:
    """`audio` as float32 [batch, channels, samples], contiguous, on the CPU.

    Takes any mapping with `waveform` ([B, C, T], [C, T] or [T]; any float or integer dtype, device
    and strides) and `sample_rate`. Integers are scaled by their full scale; unsigned integers are
    offset binary, as in 8-bit WAV. A waveform that has this form already is returned unchanged.

    Raises MediaError for anything else: no audio, missing keys, no samples, no channels, a wrong
    sample rate, NaN or infinity.

    >>> list(check({"waveform": torch.zeros(2, 100), "sample_rate": 48000})["waveform"].shape)
    [1, 2, 100]
    """
    if audio is None:
        raise MediaError(
            "No audio arrived: expected AUDIO, got None; the video has no sound, or nothing is "
            "connected, so connect an output that has sound."
        )
    if not isinstance(audio, Mapping):
        raise MediaError(
            f"Expected AUDIO, a mapping with 'waveform' and 'sample_rate', got "
            f"{type(audio).__name__}; connect an AUDIO output."
        )
    for key in ("waveform", "sample_rate"):
        if key not in audio:
            raise MediaError(
                f"The AUDIO has no '{key}': expected 'waveform' and 'sample_rate'; "
                "update or replace the node that made it."
            )
    sample_rate = check_sample_rate(audio["sample_rate"])
    return Audio(waveform=_check_waveform(audio["waveform"]), sample_rate=sample_rate)


def check_finite(waveform: torch.Tensor, where: str) -> None:
    """MediaError if `waveform` holds NaN or infinity; `where` is the subject of the message."""
    for flat in looked(waveform.reshape(-1).split(_BLOCK)):
        # This check is the fastest: NaN or infinity makes the sum of squares not finite.
        if math.isfinite(float(torch.dot(flat, flat))):
            continue
        low, high = (float(edge) for edge in torch.aminmax(flat))
        if not (math.isfinite(low) and math.isfinite(high)):
            raise _not_finite(where, low, high)


def _not_finite(where: str, low: float, high: float) -> MediaError:
    name = "NaN" if math.isnan(low) or math.isnan(high) else "infinity"
    return MediaError(
        f"{where} has {name} among its samples: expected finite numbers; "
        "fix or re-run what produced this audio."
    )


def _check_waveform(waveform: object) -> torch.Tensor:
    if not isinstance(waveform, torch.Tensor):
        raise MediaError(
            f"The AUDIO's waveform is {type(waveform).__name__}: expected a torch tensor "
            "[batch, channels, samples]; update or replace the node that made it."
        )
    if not 1 <= waveform.ndim <= 3:
        raise MediaError(
            f"The AUDIO's waveform has the shape {list(waveform.shape)}: expected "
            "[batch, channels, samples]; reshape it before this node."
        )
    if waveform.dtype == torch.bool or waveform.is_complex():
        raise MediaError(
            f"The AUDIO's waveform holds {waveform.dtype}: expected real numbers; "
            "convert it to float32 before this node."
        )
    while waveform.ndim < 3:
        waveform = waveform.unsqueeze(0)
    for size, name in zip(
        waveform.shape, ("items in its batch", "channels", "samples"), strict=True
    ):
        if size == 0:
            raise MediaError(
                f"The AUDIO has 0 {name} (shape {list(waveform.shape)}): expected at least one; "
                "check that the node before this one made any sound."
            )
    if waveform.requires_grad:
        waveform = waveform.detach()
    if not waveform.dtype.is_floating_point:
        waveform = _from_integers(waveform)
    waveform = waveform.to("cpu", torch.float32).contiguous()
    check_finite(waveform, "The AUDIO")
    return waveform


def _from_integers(waveform: torch.Tensor) -> torch.Tensor:
    info = torch.iinfo(waveform.dtype)
    full_scale = 2.0 ** (info.bits - 1)
    # Float32 is exact up to 16 bits. For more bits use float64: it rounds only once, at the end.
    exact = waveform.to("cpu").to(torch.float32 if info.bits <= 16 else torch.float64)
    if info.min == 0:
        exact = exact - full_scale
    return exact / full_scale
