"""What a clip of a phone, a camera or a recorder is, it still is with music: judged by ffprobe."""

from __future__ import annotations

import shutil
import struct
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.container import InputContainer
from PIL import Image

from ...audio.arrays import MediaError
from ...video.length import picture_length
from ...video.options import exact_rate
from ...video.soundtrack import Soundtrack, add_soundtrack
from ...video.visualize import visualize
from .make import (
    box,
    ending_at,
    lag,
    make_clip,
    noise,
    picture_hashes,
    picture_stamps,
    sound_end,
    tone,
    with_box,
)

QUIET = {"x265-params": "log-level=none"}
AUDIO_FRAME = 0.0235
NEEDS_FFMPEG = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="FFmpeg's programs are not installed"
)


def scored(clip: Path, **how: Any) -> Soundtrack:
    return add_soundtrack(clip, clip.parent / "made", noise(12.0), 48000, **how)


def picture_of(probe: Any, path: Path) -> dict[str, Any]:
    return next(s for s in probe(path)["streams"] if s["codec_type"] == "video")


# The code of a track


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("code", ["hvc1", "hev1"])
def test_hevc_is_what_apple_plays(tmp_path: Path, probe, suffix: str, code: str):
    clip = make_clip(tmp_path / f"clip{suffix}", 20, codec="libx265", code=code, options=QUIET)
    assert picture_of(probe, clip)["codec_tag_string"] == code
    made = scored(clip)
    assert picture_of(probe, made.path)["codec_tag_string"] == "hvc1"
    assert picture_hashes(made.path) == picture_hashes(clip)


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_hevc_without_parameter_sets_in_its_header_stays_hev1_and_says_why(
    tmp_path: Path, probe, suffix: str
):
    options = {"x265-params": "log-level=none:repeat-headers=1"}
    clip = make_clip(tmp_path / f"clip{suffix}", 20, codec="libx265", code="hev1", options=options)
    content = bytearray(clip.read_bytes())
    # The number of arrays of parameter sets in the record of the header.
    content[content.index(b"hvcC") + 4 + 22] = 0
    clip.write_bytes(content)
    made = scored(clip)
    assert picture_of(probe, made.path)["codec_tag_string"] == "hev1"
    assert any("stays hev1" in sentence for sentence in made.report)
    assert picture_hashes(made.path) == picture_hashes(clip)


@pytest.mark.parametrize("suffix", [".mkv", ".ts"])
def test_hevc_from_elsewhere_is_what_apple_plays(tmp_path: Path, probe, suffix: str):
    made = scored(make_clip(tmp_path / f"clip{suffix}", 20, codec="libx265", options=QUIET))
    assert made.path.suffix == ".mp4"
    stream = picture_of(probe, made.path)
    assert (stream["codec_tag_string"], stream["nb_read_frames"]) == ("hvc1", "20")


@pytest.mark.parametrize(
    ("suffix", "code"), [(".mp4", "dvh1"), (".mp4", "dvhe"), (".mov", "dvh1"), (".mov", "dvhe")]
)
def test_dolby_vision_keeps_its_code(tmp_path: Path, probe, suffix: str, code: str):
    clip = make_clip(tmp_path / f"clip{suffix}", 20, codec="libx265", code="hvc1", options=QUIET)
    clip.write_bytes(clip.read_bytes().replace(b"hvc1", code.encode()))
    made = scored(clip)
    assert picture_of(probe, made.path)["codec_tag_string"] == code
    assert picture_of(probe, made.path)["nb_read_frames"] == "20"


@pytest.mark.parametrize("code", ["ap4h", "apch", "apcs"])
def test_prores_keeps_its_profile(tmp_path: Path, probe, code: str):
    pixels = "yuva444p10le" if code == "ap4h" else "yuv422p10le"
    profile = {"ap4h": "4", "apch": "3", "apcs": "1"}[code]
    options = {"profile": profile}
    clip = make_clip(
        tmp_path / "clip.mov", 5, codec="prores_ks", code=code, pixels=pixels, options=options
    )
    assert picture_of(probe, clip)["codec_tag_string"] == code
    made = scored(clip)
    assert picture_of(probe, made.path)["codec_tag_string"] == code
    assert picture_hashes(made.path) == picture_hashes(clip)


# Marks that FFmpeg calls unofficial

FULL = b"\0\0\0\0"
SPHERE = box(
    b"sv3d",
    box(b"svhd", FULL + b"us\0")
    + box(b"proj", box(b"prhd", FULL + bytes(12)) + box(b"equi", FULL + bytes(16))),
)
STEREO = box(b"st3d", FULL + b"\1")
# Profile 8, level 1, with its record and its base layer, compatible with HDR10.
DOLBY = box(b"dvvC", bytes([1, 0, 8 << 1, 1 << 3 | 5, 1 << 4]) + bytes(19))


@pytest.mark.parametrize(
    ("codec", "boxes", "kinds"),
    [
        ("libx264", (SPHERE,), {"Spherical Mapping"}),
        ("libx264", (STEREO,), {"Stereo 3D"}),
        ("libx264", (STEREO, SPHERE), {"Spherical Mapping", "Stereo 3D"}),
        ("libx265", (DOLBY,), {"DOVI configuration record"}),
    ],
)
def test_marks_stay_or_are_named(tmp_path: Path, probe, codec: str, boxes: Any, kinds: set[str]):
    options = QUIET if codec == "libx265" else {}
    code = "hvc1" if codec == "libx265" else ""
    clip = make_clip(tmp_path / "clip.mp4", 20, codec=codec, code=code, options=options)
    with_box(clip, b"hvc1" if code else b"avc1", *boxes)

    def marks(path: Path) -> set[str]:
        return {d["side_data_type"] for d in picture_of(probe, path).get("side_data_list", [])}

    assert marks(clip) >= kinds
    made = scored(clip)
    kept = marks(made.path)
    named = {
        "Spherical Mapping": "360-degree projection",
        "Stereo 3D": "stereo layout",
        "DOVI configuration record": "Dolby Vision record",
    }
    for kind in kinds:
        is_named = any(named[kind] in sentence for sentence in made.report)
        assert is_named != (kind in kept)
    assert len(kept & kinds) == len(kinds) or av.__version__.startswith("14.")


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_chapters_stay(tmp_path: Path, ffmpeg, suffix: str):
    if not hasattr(InputContainer, "chapters"):
        pytest.skip("this PyAV reads no chapters")
    plain, marked = make_clip(tmp_path / "plain.mkv", 60), tmp_path / f"clip{suffix}"
    notes = tmp_path / "notes.txt"
    notes.write_text(
        ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=700\ntitle=Dawn\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=700\nEND=2000\ntitle=Dusk\n"
    )
    ffmpeg("-v", "error", "-i", str(plain), "-i", str(notes), "-c", "copy", str(marked))
    made = scored(marked)
    assert not any("left out" in sentence for sentence in made.report)
    with av.open(str(made.path)) as container:
        chapters: Any = container.chapters()  # type: ignore[attr-defined]
    found = [(float(c["start"] * c["time_base"]), c["metadata"]["title"]) for c in chapters]
    assert found == [(0.0, "Dawn"), (0.7, "Dusk")]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_file_begins_with_its_index(tmp_path: Path, suffix: str):
    data = scored(make_clip(tmp_path / f"clip{suffix}", 30)).path.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_a_drawn_video_begins_with_its_index(tmp_path: Path):
    visualize(noise(1.0), 48000, tmp_path / "made.mp4", width=96, height=64)
    data = (tmp_path / "made.mp4").read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


# Where the picture ends


def shown(path: Path) -> list[bytes]:
    """A hash of each frame that FFmpeg shows."""
    run = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v", "-f", "framemd5", "-"]
    lines = subprocess.run(run, check=True, capture_output=True).stdout.splitlines()
    return [line.split(b",")[-1].strip() for line in lines if not line.startswith(b"#")]


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {}),
        ("libx264", {"bf": "0"}),
        ("libx264", {"bf": "3", "b_strategy": "0"}),
        ("libx265", QUIET),
        ("mpeg4", {}),
    ],
)
@pytest.mark.parametrize("seconds", [2.0, 1.9, 3.9])
def test_an_edit_list_ends_the_picture(
    tmp_path: Path, ffmpeg, probe, codec: str, options: dict[str, str], seconds: float
):
    clip = ending_at(make_clip(tmp_path / "clip.mp4", 120, codec=codec, options=options), seconds)
    frames = round(seconds * 30)
    assert len(shown(clip)) == frames
    made = scored(clip)
    assert made.picture.frames == frames
    assert shown(made.path) == shown(clip)
    assert int(picture_of(probe, made.path)["nb_read_frames"]) == frames
    assert abs(sound_end(made.path) - seconds) <= AUDIO_FRAME


@pytest.mark.parametrize("frames", [2, 10, 20])
def test_the_last_frame_lasts_as_long_as_the_file_says(tmp_path: Path, probe, frames: int):
    stamps = [100 * number for number in range(frames)]
    clip = tmp_path / "clip.mp4"
    long_last_frame(clip, stamps, 3000)
    length = picture_length(clip)
    assert (length.frames, length.seconds) == (frames, Fraction(frames - 1, 10) + 3)
    made = scored(clip)
    assert float(picture_of(probe, made.path)["duration"]) == pytest.approx(float(length.seconds))
    assert abs(sound_end(made.path) - float(length.seconds)) <= AUDIO_FRAME
    assert picture_stamps(made.path) == picture_stamps(clip)


def long_last_frame(path: Path, stamps: list[int], last: int) -> None:
    """A clip whose last frame lasts `last` ms."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8))
            frame.pts, frame.time_base = number, Fraction(1, 10)
            for packet in stream.encode(frame):
                packet.pts = packet.dts = stamp
                packet.time_base = Fraction(1, 1000)
                packet.duration = last if stamp == stamps[-1] else 100
                output.mux(packet)


@pytest.mark.parametrize("frames", [2, 10, 25])
def test_the_last_frame_of_a_gif(tmp_path: Path, frames: int):
    images = [Image.new("RGB", (64, 48), (number, 9, 9)) for number in range(frames)]
    durations = [100] * (frames - 1) + [3000]
    images[0].save(
        tmp_path / "clip.gif", save_all=True, append_images=images[1:], duration=durations
    )
    length = picture_length(tmp_path / "clip.gif")
    assert (length.frames, length.seconds) == (frames, Fraction(frames - 1, 10) + 3)


# The clip's own sound


def two_tracks(path: Path, default: int) -> Path:
    """A clip with a tone of 300 Hz and one of 900 Hz, one of which is the default track."""
    single = [
        make_clip(path.parent / f"{hertz}.mp4", 60, 30, sound=tone(2.0, hertz))
        for hertz in (300, 900)
    ]
    marks = [f"-disposition:a:{n}" for n in range(2)]
    inputs = ["-i", str(single[0]), "-i", str(single[1])]
    streams = ["-map", "0:v", "-map", "0:a", "-map", "1:a", "-c", "copy"]
    tongues = ["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=spa"]
    chosen = [marks[default], "default", marks[1 - default], "0"]
    run = ["ffmpeg", "-v", "error", *inputs, *streams, *tongues, *chosen, str(path)]
    subprocess.run(run, check=True)
    return path


@NEEDS_FFMPEG
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize("default", [0, 1])
def test_the_default_track_is_the_clips_sound(tmp_path: Path, suffix: str, default: int):
    clip = two_tracks(tmp_path / f"clip{suffix}", default)
    silence = np.zeros((2, 96000), np.float32)
    made = add_soundtrack(clip, tmp_path / "made", silence, 48000, mix="under")
    spectrum = np.abs(np.fft.rfft(made.sound[0]))
    assert round(int(np.argmax(spectrum)) / 2) == (300, 900)[default]
    other = ("2 (spa)", "1 (eng)")[default]
    assert any(other in sentence for sentence in made.report)


@NEEDS_FFMPEG
@pytest.mark.parametrize("start", [6.0, 9.0])
@pytest.mark.parametrize("music_rate", [44100, 48000])
def test_sound_that_begins_late_in_a_transport_stream_is_heard(
    tmp_path: Path, start: float, music_rate: int
):
    own = noise(2.0, seed=3)
    seconds = start + 2
    make_clip(tmp_path / "plain.mp4", round(seconds * 25), 25, sound=own, sound_start=start)
    run = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "plain.mp4"), "-c", "copy"]
    clip = tmp_path / "clip.ts"
    subprocess.run([*run, str(clip)], check=True)
    silence = np.zeros((2, round(seconds * music_rate)), np.float32)
    made = add_soundtrack(clip, tmp_path / "made", silence, music_rate, mix="under")
    assert made.sample_rate == 48000
    heard = made.sound.mean(axis=0)
    assert np.abs(heard[: round((start - 0.1) * 48000)]).max() < 0.01
    assert abs(lag(heard, own.mean(axis=0)) - start * 48000) <= 0.1 * 48000


@NEEDS_FFMPEG
@pytest.mark.parametrize(
    ("first", "second"),
    [((48000, 2), (44100, 2)), ((48000, 1), (48000, 2)), ((44100, 2), (48000, 1))],
)
def test_sound_that_changes_midway_is_mixed(tmp_path: Path, first: Any, second: Any):
    parts = []
    for number, (rate, channels) in enumerate((first, second)):
        sound = tone(2.0, 300 + 600 * number, rate)[:channels]
        part = tmp_path / f"{number}.mp4"
        make_clip(part, 50, 25, sound=sound, sound_rate=rate, options={"bf": "0"})
        stream = part.with_suffix(".ts")
        late = ["-c", "copy", "-muxdelay", "0", "-output_ts_offset", str(2 * number)]
        run = ["ffmpeg", "-v", "error", "-i", str(part), *late, str(stream)]
        subprocess.run(run, check=True)
        parts.append(stream.read_bytes())
    clip = tmp_path / "clip.ts"
    clip.write_bytes(b"".join(parts))
    silence = np.zeros((2, 192_000), np.float32)
    made = add_soundtrack(clip, tmp_path / "made", silence, 48000, mix="under")
    assert made.picture.frames == 100
    assert made.sound.shape[1] == pytest.approx(192_000, abs=2000)
    for number in range(2):
        second_long = made.sound[0][96_000 * number + 24_000 :][:48_000]
        spectrum = np.abs(np.fft.rfft(second_long))
        assert int(np.argmax(spectrum)) == 300 + 600 * number
        assert np.abs(second_long).max() == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("lost", [40, 61, 80])
@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_a_transport_stream_with_a_lost_packet_is_scored(tmp_path: Path, codec: str, lost: int):
    clip = make_clip(tmp_path / "clip.ts", 100, 25, codec=codec, sound=noise(4.0))
    data = clip.read_bytes()
    clip.write_bytes(data[: lost * 188] + data[(lost + 1) * 188 :])
    made = scored(clip)
    assert 98 <= made.picture.frames <= 100
    assert made.path.stat().st_size


# Rates


@pytest.mark.parametrize(
    ("typed", "exact"),
    [
        (23.98, Fraction(24000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (119.88, Fraction(120000, 1001)),
        (24.0, Fraction(24)),
        (25.0, Fraction(25)),
        (60.0, Fraction(60)),
        (12.5, Fraction(25, 2)),
    ],
)
def test_a_typed_rate_is_what_it_stands_for(typed: float, exact: Fraction):
    assert exact_rate(typed) == exact


@pytest.mark.parametrize("rate", [Fraction(60), Fraction(60000, 1001), Fraction(24000, 1001), 25])
@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".flv"])
def test_rounded_time_stamps_become_exact_in_mp4(
    tmp_path: Path, probe, suffix: str, rate: Fraction
):
    frames = round(10 * rate)
    made = scored(make_clip(tmp_path / f"clip{suffix}", frames, rate, codec="libx264"))
    assert made.path.suffix == ".mp4"
    stream = picture_of(probe, made.path)
    assert Fraction(stream["avg_frame_rate"]) == Fraction(stream["r_frame_rate"]) == rate
    assert float(stream["duration"]) == pytest.approx(float(frames / Fraction(rate)), abs=1e-5)
    assert sorted(picture_stamps(made.path)) == [n / Fraction(rate) for n in range(frames)]


def test_matroska_is_aac_in_mp4(tmp_path: Path, probe):
    for codec in ("libx264", "libx265", "libvpx-vp9", "mpeg4"):
        options = QUIET if codec == "libx265" else {}
        made = scored(make_clip(tmp_path / "clip.mkv", 30, codec=codec, options=options))
        kinds = {stream["codec_name"] for stream in probe(made.path)["streams"]}
        assert made.path.suffix == ".mp4"
        assert "aac" in kinds


def test_a_picture_that_mp4_does_not_hold_says_so(tmp_path: Path):
    made = scored(make_clip(tmp_path / "clip.webm", 30, codec="libvpx"))
    assert made.path.suffix == ".webm"
    assert any("MP4 does not hold vp8" in sentence for sentence in made.report)


# What cannot be


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_bare_stream_is_refused(tmp_path: Path, codec: str):
    ending = {"libx264": ".h264", "libx265": ".hevc"}[codec]
    options = QUIET if codec == "libx265" else {}
    clip = make_clip(tmp_path / f"clip{ending}", 20, codec=codec, options=options)
    with pytest.raises(MediaError, match="no time stamps"):
        scored(clip)
    assert not list(tmp_path.glob("made*"))


@NEEDS_FFMPEG
def test_a_bare_stream_that_has_times_is_scored(tmp_path: Path):
    made = scored(make_clip(tmp_path / "clip.m4v", 20, codec="mpeg4"))
    assert len(shown(made.path)) == 20


@pytest.mark.parametrize("pixels", ["bgr24", "yuv420p", "yuyv422"])
def test_the_writers_limit_is_no_fault_of_the_clip(tmp_path: Path, ffmpeg, pixels: str):
    plain, clip = make_clip(tmp_path / "plain.mp4", 20), tmp_path / "clip.avi"
    ffmpeg("-v", "error", "-i", str(plain), "-c:v", "rawvideo", "-pix_fmt", pixels, str(clip))
    with pytest.raises(MediaError, match=r"The result cannot be written .*rawvideo|does not fit"):
        scored(clip)
    assert not list(tmp_path.glob("made*"))


# A phone's frames that are shown before they are decoded, by the table of the file


def early(path: Path, moved: dict[int, int] | int) -> Path:
    """Move the times at which frames of an MP4 are shown, all or by their runs, in its ticks."""
    data = bytearray(path.read_bytes())
    at = data.index(b"ctts") + 4
    data[at] = 1
    for run in range(struct.unpack_from(">I", data, at + 4)[0]):
        place = at + 12 + 8 * run
        (offset,) = struct.unpack_from(">i", data, place)
        by = moved if isinstance(moved, int) else moved.get(run, 0)
        struct.pack_into(">i", data, place, offset + by)
    path.write_bytes(data)
    return path


REORDERED = {"x264-params": "bframes=3:b-adapt=0"}


@pytest.mark.parametrize("moved", [-512, -1024, {3: -1624}, {2: -700, 5: -900}], ids=str)
def test_a_frame_that_is_shown_before_it_is_decoded_is_copied(tmp_path: Path, moved: Any):
    clip = early(make_clip(tmp_path / "clip.mp4", 40, options=REORDERED), moved)
    length = picture_length(clip)
    made = scored(clip)
    assert picture_hashes(made.path) == picture_hashes(clip)
    assert picture_length(made.path).frames == length.frames
    shown, copied = sorted(picture_stamps(clip)), sorted(picture_stamps(made.path))
    assert [a - shown[0] for a in shown] == pytest.approx([a - copied[0] for a in copied])


def test_offsets_below_0_stay(tmp_path: Path):
    options = {"movflags": "negative_cts_offsets"}
    clip = make_clip(tmp_path / "clip.mp4", 40, options=REORDERED, container_options=options)
    assert picture_stamps(scored(clip).path) == picture_stamps(clip)


@pytest.mark.parametrize("transparent", [False, True])
def test_a_gif_is_not_called_broken(tmp_path: Path, transparent: bool):
    kind = "RGBA" if transparent else "RGB"
    images = [Image.new(kind, (64, 48), (20 * n, 0, 0, 128)[: len(kind)]) for n in range(9)]
    clip = tmp_path / "clip.gif"
    images[0].save(clip, save_all=True, append_images=images[1:], duration=100)
    with pytest.raises(MediaError, match=r"The clip is whole, but .* as gif .*: convert"):
        scored(clip)
    assert not list(tmp_path.glob("made*"))
