"""Samples on the disk are read and written as an array is, and leave nothing behind."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ...audio.arrays import blocks
from ...audio.samples.on_disk import DiskSamples

edge = st.one_of(st.none(), st.integers(-12, 12))
part = st.tuples(st.builds(slice, edge, edge), st.builds(slice, edge, edge))


@settings(deadline=None)
@given(st.integers(1, 3), st.integers(0, 9), st.lists(st.tuples(part, st.integers(1, 99))), part)
def test_parts_are_those_of_an_array(
    tmp_path_factory: pytest.TempPathFactory,
    channels: int,
    length: int,
    writes: list[tuple[tuple[slice, slice], int]],
    read: tuple[slice, slice],
) -> None:
    whole = np.zeros((channels, length), np.float32)
    with DiskSamples(tmp_path_factory.getbasetemp(), channels, length) as samples:
        for at, value in writes:
            new = whole[at] + np.float32(value)
            whole[at] = new
            samples[at] = new
            # One channel fills all.
            if whole[at].shape[0] > 1:
                whole[at], samples[at] = new[:1] * 2, new[:1] * 2
        np.testing.assert_array_equal(samples[read], whole[read])
        mapped = samples.mapped()
    np.testing.assert_array_equal(mapped, whole)


def test_the_file_has_no_name_and_its_array_outlives_it(tmp_path: Path) -> None:
    with DiskSamples(tmp_path, 2, 100_000) as samples:
        for start, block in blocks(samples, 30_000):
            samples[:, start : start + block.shape[1]] = block + start
        mapped = samples.mapped()
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="closed"):
        samples[:, :1]
    gc.collect()
    assert mapped[1, [0, 29_999, 30_000, 99_999]].tolist() == [0, 0, 30_000, 90_000]


def test_changes_of_the_array_stay_in_memory(tmp_path: Path) -> None:
    with DiskSamples(tmp_path, 1, 4) as samples:
        first, second = samples.mapped(), samples.mapped()
        first += 1
        assert samples[:, :].tolist() == second.tolist() == [[0, 0, 0, 0]]


def test_samples_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with DiskSamples(tmp_path, 2, 4) as samples, pytest.raises(ValueError, match="broadcast"):
        samples[:, :2] = np.zeros((2, 3), np.float32)
