"""Cuts of clips that are drawn here, with flashes, pans and other things that are no cuts."""

from __future__ import annotations

import weakref
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from ...audio.arrays import MediaError
from ...audio.stopping import Stop, Stopped
from ...video.clip import open_picture
from ...video.contact_sheet import contact_sheet
from ...video.cuts import Cut, CutFinder
from ...video.facts import measure_clip, measure_frames
from ...video.small_frames import frames_of_images, small_frames
from .make import make_clip

SIZE = 108, 192


def scene(seed: int, *, light: float = 1.0) -> np.ndarray:
    """A backdrop of coloured blocks, twice as large as a frame."""
    blocks = np.random.default_rng(seed).uniform(0, 1, (9, 16, 3))
    return np.kron(blocks, np.ones((24, 24, 1)))[:216, :384] * light


def still(backdrop: np.ndarray, count: int, *, pan: float = 0.0) -> list[np.ndarray]:
    """Frames of a scene; the camera moves `pan` pixels to the right with each frame."""
    return [backdrop[:108, round(pan * n) : round(pan * n) + 192] for n in range(count)]


def dissolve(one: np.ndarray, other: np.ndarray, count: int) -> list[np.ndarray]:
    shares = (np.arange(count) + 1) / (count + 1)
    return [one * (1 - share) + other * share for share in shares]


def cuts_of(frames: list[np.ndarray], fps: int = 25) -> list[Cut]:
    images = np.asarray(frames, np.float32)
    return measure_frames(frames_of_images(images, Fraction(fps)))[0].cuts


A, B, C = (scene(number) for number in (1, 2, 3))
BLACK = np.zeros((*SIZE, 3))


@pytest.mark.parametrize("fps", [12, 24, 60])
def test_hard_cuts_are_the_first_frames_of_new_scenes(fps: int):
    frames = [*still(A, fps), *still(B, fps, pan=1.0), *still(C, fps)]
    assert [(cut.frame, cut.seconds) for cut in cuts_of(frames, fps)] == [(fps, 0), (2 * fps, 0)]


def test_a_dissolve_and_a_dip_to_black_are_one_cut_each_at_their_middle():
    a, b, c = (backdrop[:108, :192] for backdrop in (A, B, C))
    frames = [*still(A, 25), *dissolve(a, b, 20), *still(B, 40)]
    frames += [*dissolve(b, BLACK, 12), BLACK, *dissolve(BLACK, c, 12), *still(C, 25)]
    found = cuts_of(frames)
    assert [cut.time for cut in found] == pytest.approx([35 / 25, 97.5 / 25], abs=0.15)
    assert all(cut.seconds > 0 for cut in found)


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param(still(A, 75), id="nothing"),
        pytest.param(still(A, 60, pan=3.0), id="a pan"),
        pytest.param([*still(A, 30), *still(A * 0.2 + 0.8, 2), *still(A, 30)], id="a flash"),
        pytest.param([*still(A * 0.5, 30), *still(A, 30)], id="a lamp"),
        pytest.param([BLACK] * 60, id="black"),
        pytest.param([BLACK, *dissolve(BLACK, A[:108, :192], 20), *still(A, 30)], id="a fade-in"),
    ],
)
def test_no_cut_is_found_where_the_scene_stays(frames: list[np.ndarray]):
    assert cuts_of(frames) == []


def written(path: Path, frames: list[np.ndarray], stamps: list[int], size: int = 1) -> Path:
    """A clip whose frames are shown at `stamps` milliseconds."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 192 * size, 108 * size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for stamp, picture in zip(stamps, frames, strict=True):
            pixels = np.rint(np.kron(picture, np.ones((size, size, 1))) * 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def test_a_file_of_a_variable_rate_has_its_cuts_at_its_own_times(tmp_path: Path):
    frames = [*still(A, 20), *still(B, 20), *still(C, 20)]
    stamps = [n * 40 if n < 30 else 1200 + (n - 30) * 90 for n in range(60)]
    found = measure_clip(written(tmp_path / "clip.mp4", frames, stamps)).picture.cuts
    assert [(cut.frame, round(cut.time, 2)) for cut in found] == [(20, 0.8), (40, 2.1)]


def test_the_file_and_its_frames_have_the_same_light(tmp_path: Path):
    frames = [*still(A, 25), *still(B * 0.4, 25)]
    file = measure_clip(written(tmp_path / "clip.mp4", frames, [n * 40 for n in range(50)])).picture
    images, _ = measure_frames(frames_of_images(np.asarray(frames, np.float32), Fraction(25)))
    assert [cut.frame for cut in file.cuts] == [cut.frame for cut in images.cuts] == [25]
    for name in ("seconds", "brightness", "contrast", "saturation", "warmth"):
        assert getattr(file, name) == pytest.approx(getattr(images, name), abs=2.0)
    assert file.light == images.light


@pytest.mark.parametrize(
    ("color", "light"),
    [((0.8, 0.8, 0.75), "day"), ((0.08, 0.08, 0.12), "night"), ((1.0, 0.5, 0.1), "fire")],
)
def test_light_has_a_face(color: tuple[float, float, float], light: str):
    picture = np.full((*SIZE, 3), 0.03 if light == "fire" else color)
    picture[40:70, 60:130] = color
    picture[:4] += np.random.default_rng(1).uniform(0, 0.05, (4, 192, 3))
    facts, _ = measure_frames(frames_of_images([picture] * 10, Fraction(25)))
    assert facts.light == light
    signs = {"brightness": {"day": 70, "night": 5, "fire": 5}[light]}
    assert facts.brightness > signs["brightness"]


def test_neon_is_dark_with_vivid_colours():
    picture = np.full((*SIZE, 3), 0.05)
    picture[20:50, 20:90], picture[60:90, 100:170] = (1.0, 0.1, 0.8), (0.1, 0.9, 1.0)
    facts, _ = measure_frames(frames_of_images([picture] * 10, Fraction(25)))
    assert facts.light == "neon"


def test_a_sheet_shows_six_to_twelve_scenes_and_fits_in_1024_pixels():
    frames = [picture for seed in range(20) for picture in still(scene(seed), 10)]
    facts, thumbnails = measure_frames(
        frames_of_images(np.asarray(frames, np.float32), Fraction(25))
    )
    assert len(facts.cuts) == 19
    many = thumbnails.chosen([cut.time for cut in facts.cuts], facts.seconds)
    few = thumbnails.chosen([], facts.seconds)
    assert (len(many), len(few)) == (12, 6)
    for chosen in (many, few, many[:1]):
        sheet = contact_sheet(chosen)
        assert max(sheet.shape[:2]) <= 1024
        assert sheet.max() > 100


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 5000), (3000, 3)])
def test_a_picture_of_any_shape_has_facts_and_a_sheet(height: int, width: int):
    image = np.full((height, width, 3), 0.5, np.float32)
    facts, thumbnails = measure_frames(frames_of_images([image], Fraction(25)))
    assert (facts.frames, facts.cuts, facts.seconds) == (1, [], 0.04)
    sheet = contact_sheet(thumbnails.chosen([], facts.seconds))
    assert 1 <= min(sheet.shape[:2]) <= max(sheet.shape[:2]) <= 1024


def test_the_memory_does_not_grow_with_the_clip():
    finder = CutFinder()
    living: list[weakref.ref[np.ndarray]] = []
    for frame in frames_of_images((scene(n // 30)[:108, :192] for n in range(300)), Fraction(30)):
        finder.add(frame)
        living.append(weakref.ref(frame.cells))
    assert len(finder.cuts()) == 9
    # The frames of two seconds.
    assert sum(ref() is not None for ref in living) < 80


def test_the_motion_has_a_value_for_each_second():
    facts, _ = measure_frames(frames_of_images(still(A, 288, pan=0.2), Fraction(24)))
    assert facts.seconds == 12.0
    assert len(facts.motion_by_second) == 12
    assert min(facts.motion_by_second) > 0


def test_a_stop_ends_the_work_between_two_packets(tmp_path: Path):
    path = make_clip(tmp_path / "clip.mp4", 50)
    looks = iter(range(1000))

    class Late(Stop):
        def look(self) -> None:
            if next(looks) > 5:
                raise Stopped

    with pytest.raises(Stopped):
        Late().run(lambda: measure_clip(path))
    assert next(looks) < 10


def test_a_file_without_a_picture_is_refused(tmp_path: Path):
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as output:
        track = output.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.sample_rate = 8000
        output.mux(track.encode(frame))
    with pytest.raises(MediaError, match="sound but no picture"):
        measure_clip(path)


def test_a_change_of_the_format_midway_is_followed(tmp_path: Path):
    path = written(tmp_path / "clip.ts", still(A, 10), [n * 40 for n in range(10)])
    larger = written(tmp_path / "b.ts", still(B, 10), [n * 40 + 400 for n in range(10)], size=2)
    path.write_bytes(path.read_bytes() + larger.read_bytes())
    with open_picture(path) as container:
        # A decoder drops the frames that it holds when the format changes.
        frames = list(small_frames(container))
    assert len(frames) >= 16
    assert np.abs(frames[0].cells - frames[-1].cells).mean() > 10
