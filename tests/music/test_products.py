"""Products in small parts are the products."""

from __future__ import annotations

import numpy as np
import pytest

from ...music.products import product


@pytest.mark.parametrize(
    ("rows", "inner", "columns"),
    [
        (1, 1, 1),
        (9, 513, 40),
        (10, 513, 40),
        (512, 513, 40),
        (35, 2049, 20),
        (7, 900, 900),
        (0, 5, 3),
    ],
)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_product_in_parts_is_the_product(
    rows: int, inner: int, columns: int, kind: type[np.floating]
) -> None:
    numbers = np.random.default_rng(rows)
    left = numbers.normal(size=(rows, inner)).astype(kind)
    right = numbers.normal(size=(inner, columns)).astype(kind)
    made = product(left, right)
    assert made.dtype == kind
    assert np.allclose(made, left.astype(np.float64) @ right, atol=1e-3)
