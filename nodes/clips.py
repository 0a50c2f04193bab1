"""The clip that the music is for: its length and its file."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..api.base.errors import InputError
from . import host, session
from .shared_inputs import checked_text

if TYPE_CHECKING:
    from ..music.hits import Hits

# A person types a rate with three decimals.
_ROUNDED = Fraction(1, 1000)


class Length(NamedTuple):
    """The length of a picture: its frames, frames a second, and exact seconds."""

    frames: int
    fps: Fraction
    seconds: Fraction

    def samples(self, sample_rate: int) -> int:
        """The length in samples at `sample_rate` Hz, rounded."""
        return round(self.seconds * sample_rate)


def length(picture: Any, frames: int, fps: float, seconds: float = 0.0) -> Length:
    """The length of a picture, or of `frames` at `fps`, or `seconds`. A value of 0 is not given.

    A VIDEO has frames and a rate, an IMAGE batch has frames only.

    Raises:
        InputError: no length, two lengths that disagree, a number out of range, or more minutes
            than the settings allow.
        MediaError: the picture cannot be read.
    """
    found = _length(picture, frames, fps, seconds)
    check_length(found.seconds)
    return found


def hits(text: Any, picture: Any, fps: float, found: Length) -> Hits:
    """The hits that a text names, inside a picture of the length `found`.

    Raises:
        InputError: the value is not a text.
        MediaError: an entry is not a moment, or frames come without a rate.
    """
    from ..music.hits import read_hits

    # A length in seconds has no rate of its own.
    rate = found.fps if picture is not None or fps else None
    return read_hits(checked_text("hits", text), rate, float(found.seconds))


def check_length(seconds: float | Fraction) -> None:
    """Raises InputError: `seconds` of music are more than the settings allow."""
    most = session.settings().max_audio_minutes
    if seconds > 60 * most:
        raise InputError(
            f"The length is {float(seconds) / 60:.1f} minutes, and the settings allow {most:g}: "
            "give a shorter length, or raise max_audio_minutes in the settings."
        )


def _length(picture: Any, frames: int, fps: float, seconds: float) -> Length:
    for name, value in (("frames", frames), ("fps", fps), ("seconds", seconds)):
        if value < 0:
            raise InputError(
                f"{name} is {value:g}: give a number above 0, or 0 to take it from the picture."
            )
    from ..video.options import exact_rate

    found = _of_picture(picture, fps)
    if found is None:
        found = _of_numbers(frames, fps)
    elif frames and frames != found.frames:
        raise _disagree(f"the picture has {found.frames} frames", f"frames is {frames}")
    elif fps and min(abs(rate - found.fps) for rate in (fps, exact_rate(fps))) > _ROUNDED:
        raise _disagree(f"the picture has {float(found.fps):.3f} fps", f"fps is {fps:g}")
    if found is None:
        if not seconds:
            raise InputError(
                "No length is given: connect a picture, or set frames and fps, or seconds."
            )
        exact = Fraction(str(seconds))
        return Length(round(exact * 24), Fraction(24), exact)
    if seconds and abs(seconds - found.seconds) > 1 / found.fps:
        raise _disagree(
            f"the picture lasts {float(found.seconds):.3f} s", f"seconds is {seconds:g}"
        )
    return found


@contextlib.contextmanager
def file_of(video: Any) -> Iterator[Path | io.BytesIO]:
    """The file of a VIDEO. If it is edited, trimmed or without a file, write a temporary file.

    Raises:
        InputError: `video` is not a VIDEO, or it cannot be saved.
    """
    if not hasattr(video, "save_to"):
        raise InputError(
            f"A VIDEO is expected, and {_kind(video)} came: connect the video of Load Video."
        )
    is_whole = not host.is_edited(video) and not any(_trim_window(video))
    source = host.source_of(video) if is_whole else None
    if source is not None:
        yield Path(source) if isinstance(source, str) else source
        return
    path = host.temporary_path(".mp4")
    try:
        _save(video, path)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _save(video: Any, path: Path) -> None:
    try:
        video.save_to(str(path))
    except (OSError, MemoryError, host.interrupt_exception()):
        raise
    # The VIDEO classes of other packs may raise any exception.
    except Exception as error:
        raise InputError(
            f"The VIDEO cannot be saved ({type(error).__name__}: {error}): save the video first, "
            "with Save Video, and load the saved file."
        ) from error
    if not path.is_file():
        raise InputError(
            "The VIDEO wrote no file: save the video first, with Save Video, and load the saved "
            "file."
        )


def _of_picture(picture: Any, fps: float) -> Length | None:
    if picture is None:
        return None
    if hasattr(picture, "save_to"):
        return _of_video(picture)
    shape = getattr(picture, "shape", ())
    if len(shape) != 4:
        raise InputError(
            f"The picture is a VIDEO or a batch of images, and {_kind(picture)} came: connect "
            "Load Video, or frames."
        )
    count = int(shape[0])
    if not count:
        raise InputError("The picture has no frames: connect at least one image.")
    if not fps:
        raise InputError(
            f"The picture is a batch of {count} images, which have no rate: set fps to the frames "
            "per second of the video."
        )
    return _at(count, fps)


def _of_video(video: Any) -> Length:
    from ..video.length import picture_length

    components = host.components_of(video)
    if components is not None:
        return _at(len(components.images), components.frame_rate)
    source = host.source_of(video)
    if source is not None:
        # A crop or a resize does not change the length.
        start, duration = _trim_window(video)
        found = picture_length(source, start=start, duration=duration)
    else:
        with file_of(video) as saved:
            found = picture_length(saved)
    return Length(found.frames, found.fps, found.seconds)


def _of_numbers(frames: int, fps: float | Fraction) -> Length | None:
    if not frames and not fps:
        return None
    if not frames or not fps:
        missing, given = ("frames", "fps") if not frames else ("fps", "frames")
        raise InputError(f"{given} is set and {missing} is 0: set both, or connect a picture.")
    return _at(frames, fps)


def _at(frames: int, fps: float | Fraction) -> Length:
    from ..video.options import exact_rate

    rate = exact_rate(fps)
    if not rate:
        raise InputError(f"fps is {float(fps):g}: give at least 0.001.")
    return Length(frames, rate, frames / rate)


def _trim_window(video: Any) -> tuple[float, float]:
    """Start and duration in seconds; 0 without a trim. ComfyUI 0.8 has no trimmed videos."""
    window = getattr(video, "get_active_trim_window", None)
    start, duration = window() if window is not None else (0.0, 0.0)
    return max(0.0, float(start)), max(0.0, float(duration))


def _kind(value: object) -> str:
    return "nothing" if value is None else f"something of the type {type(value).__name__}"


def _disagree(one: str, other: str) -> InputError:
    return InputError(f"Two lengths disagree: {one}, and {other}. Set one of them to 0.")
