"""VIDEO as ComfyUI's own classes behave, for hosts that lack them: edits wait until it is saved."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import torch

Edit = Callable[[np.ndarray], np.ndarray]


class _File:
    """A clip with a trim window and edits of its frames, none of which the file holds yet."""

    def __init__(
        self,
        file: str | Path | io.BytesIO,
        *,
        start_time: float = 0.0,
        duration: float = 0.0,
        edits: Sequence[Edit] = (),
    ) -> None:
        self._file = str(file) if isinstance(file, Path) else file
        self._window, self._edits = (start_time, duration), tuple(edits)

    def get_stream_source(self) -> str | io.BytesIO:
        """The file as it came, whatever was edited."""
        if isinstance(self._file, io.BytesIO):
            self._file.seek(0)
        return self._file

    def get_active_trim_window(self) -> tuple[float, float]:
        return self._window

    def as_trimmed(self, start_time: float, duration: float = 0.0) -> Any:
        return type(self)(self._file, start_time=start_time, duration=duration, edits=self._edits)

    def as_cropped(self, x: int, y: int, width: int, height: int) -> Any:
        return self._edited(lambda image: image[y : y + height, x : x + width])

    def as_resized(self, width: int, height: int) -> Any:
        def resize(image: np.ndarray) -> np.ndarray:
            rows = np.arange(height) * image.shape[0] // height
            return image[rows][:, np.arange(width) * image.shape[1] // width]

        return self._edited(resize)

    def save_to(self, path: str) -> None:
        """Trim and edit while encoding; a clip without either is copied."""
        if isinstance(self._file, str) and not self._edits and not any(self._window):
            shutil.copy(self._file, path)
            return
        encode(path, self.frames(), self.rate())

    def frames(self) -> Iterator[np.ndarray]:
        start, duration = self._window
        with av.open(self.get_stream_source()) as container:
            for frame in container.decode(video=0):
                if frame.time < start or (duration and frame.time >= start + duration):
                    continue
                image = frame.to_ndarray(format="rgb24")
                for edit in self._edits:
                    image = edit(image)
                yield image

    def rate(self) -> Fraction:
        with av.open(self.get_stream_source()) as container:
            return Fraction(container.streams.video[0].average_rate or 1)

    def _edited(self, edit: Edit) -> Any:
        start, duration = self._window
        edits = (*self._edits, edit)
        return type(self)(self._file, start_time=start, duration=duration, edits=edits)


class _Newest:
    class VideoFromFile(_File):
        """Since 0.40: it says whether edits wait."""

        def has_pending_frame_edits(self) -> bool:
            return bool(self._edits)


class _BeforeThePredicate:
    class VideoFromFile(_File):
        """The first versions that crop keep the crop in a private field, and say nothing."""

        def __init__(self, file: Any, **how: Any) -> None:
            super().__init__(file, **how)
            self.__crop = self._edits or None


class VideoFromComponents:
    """Frames in memory, and their sound."""

    def __init__(
        self, images: torch.Tensor, frame_rate: Fraction, audio: dict[str, Any] | None = None
    ) -> None:
        self._components = SimpleNamespace(images=images, frame_rate=frame_rate, audio=audio)

    def get_components(self) -> Any:
        return self._components

    def save_to(self, path: str) -> None:
        pixels = (self._components.images * 255).round().to(torch.uint8).numpy()
        encode(path, iter(pixels), self._components.frame_rate)


class VideoFromList:
    """Parts, one behind the other."""

    def __init__(self, parts: Sequence[_File]) -> None:
        self._parts = parts

    def has_pending_frame_edits(self) -> bool:
        return any(part._edits for part in self._parts)

    def get_stream_source(self) -> io.BytesIO:
        raise AssertionError("The whole film lies in memory: it can be saved on the disk instead.")

    def save_to(self, path: str) -> None:
        assert isinstance(path, str)
        frames = (image for part in self._parts for image in part.frames())
        encode(path, frames, self._parts[0].rate())


class OnlyAbstractMethods:
    """A class of another pack, with the methods that VIDEO demands and no more."""

    def __init__(self, video: _File) -> None:
        self._video = video

    def get_components(self) -> Any:
        raise AssertionError("All frames lie in memory.")

    def as_trimmed(self, *window: float) -> None:
        raise NotImplementedError

    def save_to(self, path: str) -> None:
        self._video.save_to(path)


class UnsavedStream(OnlyAbstractMethods):
    """A class of another pack whose stream is there only once it was saved."""

    def get_stream_source(self) -> str:
        raise RuntimeError("not rendered yet")


class Unsaveable(UnsavedStream):
    """A class of another pack that cannot be saved either."""

    def save_to(self, path: str) -> None:
        raise RuntimeError("not rendered yet")


GENERATIONS = {"newest": _Newest, "before the predicate": _BeforeThePredicate}


def classes(generation: str = "newest") -> Any:
    """`comfy_api.latest.InputImpl` as in a generation of ComfyUI."""
    return SimpleNamespace(
        VideoFromFile=GENERATIONS[generation].VideoFromFile,
        VideoFromComponents=VideoFromComponents,
        VideoFromList=VideoFromList,
    )


VideoFromFile = _Newest.VideoFromFile


def encode(path: str, frames: Iterator[np.ndarray], rate: Fraction) -> None:
    """Write `frames` (RGB [height, width, 3]) as a clip."""
    with av.open(path, "w") as output:
        stream: Any = None
        for image in frames:
            if stream is None:
                stream = output.add_stream("mpeg4", rate=rate)
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            output.mux(stream.encode(frame))
        if stream is not None:
            output.mux(stream.encode(None))
