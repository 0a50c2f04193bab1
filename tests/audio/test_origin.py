"""A waveform is known again as long as nothing about it changed."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from ...audio.samples import origin
from ...audio.samples.origin import Provenance, is_part_of, provenance_of, remember
from ...audio.samples.resample import resample
from ...sandbox.composer import compose
from . import make


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "song.mp3"
    path.write_bytes(b"music")
    return path


def origin_of(tensor: torch.Tensor, sample_rate: int) -> Path | None:
    """The file whose samples `tensor` still has."""
    found = provenance_of(tensor, sample_rate)
    return found.source if found else None


def waveform(seconds: float = 20) -> torch.Tensor:
    return make.tensor(make.music(seconds))


def test_the_same_tensor_and_its_views_are_known(source: Path) -> None:
    tensor = waveform()
    remember(tensor, source, 44100)
    assert origin_of(tensor, 44100) == source
    assert origin_of(tensor[None], 44100) == source
    assert origin_of(tensor[None][0], 44100) == source


@pytest.mark.slow
def test_a_batch_item_is_known_after_the_tensor_itself_is_gone(source: Path) -> None:
    batch = waveform()[None]
    remember(batch, source, 44100)
    item = batch[0]
    del batch
    gc.collect()
    assert origin_of(item, 44100) == source


def test_an_equal_copy_is_not_the_same(source: Path) -> None:
    tensor = waveform()
    remember(tensor, source, 44100)
    assert origin_of(tensor.clone(), 44100) is None
    assert origin_of(tensor[:, :-1], 44100) is None
    assert origin_of(tensor[:1], 44100) is None
    assert origin_of(tensor.flip(0), 44100) is None
    assert origin_of(tensor, 48000) is None


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 1000, 300_000, -1])
def test_an_edit_is_noticed(place: int, source: Path) -> None:
    tensor = waveform()
    remember(tensor, source, 44100)
    tensor[0, place] += 0.1
    assert origin_of(tensor, 44100) is None


@pytest.mark.slow
@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 12_345), (0, 777_777), (1, -2), (1, -1)])
@pytest.mark.parametrize("seconds", [0.01, 1, 20])
def test_one_sample_changed_through_numpy_is_noticed(
    place: tuple[int, int], seconds: float, source: Path
) -> None:
    tensor = waveform(seconds)
    remember(tensor, source, 44100)
    channel, sample = place[0], place[1] % tensor.shape[1]
    tensor.numpy()[channel, sample] += np.float32(2**-20)
    assert origin_of(tensor, 44100) is None


@pytest.mark.slow
def test_samples_that_change_places_are_noticed(source: Path) -> None:
    for one, other in ((0, 2), (1000, 1512), (5, 600_000), (100, 1100)):
        tensor = waveform()
        remember(tensor, source, 44100)
        samples = tensor.numpy()[0]
        samples[one], samples[other] = samples[other], samples[one]
        assert origin_of(tensor, 44100) is None


def test_a_waveform_of_other_samples_keeps_where_it_comes_from(source: Path) -> None:
    tensor = waveform()
    remember(tensor, source, 48000, exact=False)
    assert provenance_of(tensor[None][0], 48000) == Provenance(source, exact=False)
    tensor.numpy()[0, 99_999] = 0
    assert provenance_of(tensor, 48000) is None


def test_an_edit_that_torch_does_not_count_is_noticed(source: Path) -> None:
    tensor = waveform()
    remember(tensor, source, 44100)
    tensor.numpy()[:] *= np.float32(0.5)
    assert origin_of(tensor, 44100) is None
    with torch.inference_mode():
        inner = torch.ones(2, 50_000)
        remember(inner, source, 44100)
        assert origin_of(inner, 44100) == source
        inner[:, -100:] *= torch.linspace(1, 0, 100)
        assert origin_of(inner, 44100) is None


def test_a_file_that_is_gone_or_another_is_no_origin(source: Path) -> None:
    tensor = waveform()
    remember(tensor, source, 44100)
    source.write_bytes(b"other music")
    assert origin_of(tensor, 44100) is None
    remember(tensor, source, 44100)
    source.unlink()
    assert origin_of(tensor, 44100) is None


def test_nothing_is_kept_alive(source: Path) -> None:
    before = len(origin._origins)
    tensors = [waveform(0.1), waveform(0.1)]
    remember(tensors[0], source, 44100)
    remember(tensors[1], source, 44100)
    assert len(origin._origins) == before + 2
    del tensors
    gc.collect()
    assert len(origin._origins) == before


@pytest.mark.slow
def test_many_threads_may_ask_at_once(source: Path) -> None:
    def one(number: int) -> bool:
        tensor = make.tensor(make.music(0.5, seed=number))
        remember(tensor, source, 44100)
        return origin_of(tensor, 44100) == source

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(200)))


# A sound and the track that it may be of

PIECE = compose("electronic, 120 bpm", 12.0)
TRACK = torch.as_tensor(np.asarray(PIECE.waveform), dtype=torch.float32).reshape(2, -1)
NOISE = torch.rand(TRACK.shape, generator=torch.Generator().manual_seed(1)) - 0.5


def other(prompt: str) -> torch.Tensor:
    piece = compose(prompt, 12.0)
    return torch.as_tensor(np.asarray(piece.waveform), dtype=torch.float32).reshape(2, -1)


@pytest.mark.parametrize(
    ("is_part", "sound", "rate"),
    [
        (True, TRACK, PIECE.sample_rate),
        (True, TRACK[:, 100_000:200_000], PIECE.sample_rate),
        (True, TRACK * 0.05, PIECE.sample_rate),
        (True, TRACK[:1], PIECE.sample_rate),
        (True, TRACK + NOISE * TRACK.std(), PIECE.sample_rate),
        (True, resample(TRACK, PIECE.sample_rate, 48_000), 48_000),
        (False, NOISE, PIECE.sample_rate),
        (False, TRACK * 0, PIECE.sample_rate),
        (False, TRACK.flip(-1), PIECE.sample_rate),
        (False, torch.cat([TRACK, TRACK], -1), PIECE.sample_rate),
        (False, TRACK, 2 * PIECE.sample_rate),
        (False, other("calm piano, 70 bpm"), PIECE.sample_rate),
    ],
)
def test_a_sound_is_known_as_part_of_its_track(
    is_part: bool, sound: torch.Tensor, rate: int
) -> None:
    assert is_part_of(sound, rate, TRACK, PIECE.sample_rate) == is_part
