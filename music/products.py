"""Matrix products in a single thread.

OpenBLAS shares a product among its threads from 2^18 multiplications on (interface/gemm.c). The
threads spin while they wait for each other. If other work runs too, as in ComfyUI, such a product
takes many times longer than on one core.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_MOST = 200_000
"""Most multiplications in one call."""
_FEWEST_ROWS = 4
"""With fewer rows in a call, the product is so large that threads are faster."""


def product(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[n, m] product of [n, k] and [k, m]."""
    rows, inner = left.shape
    together = _MOST // (inner * right.shape[1])
    if together < _FEWEST_ROWS or rows <= together:
        return left @ right
    whole = rows // together * together
    parts = left[:whole].reshape(-1, together, inner) @ right
    return np.concatenate((parts.reshape(whole, -1), left[whole:] @ right))


def squared_distances(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """[n, n] squared distance of each row of [n, k] from each."""
    square = (rows**2).sum(axis=1)
    return np.maximum(square[:, None] + square[None, :] - 2 * product(rows, rows.T), 0)
