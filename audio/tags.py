"""The text tags of any audio file, as FFmpeg's libraries read them."""

from __future__ import annotations

from pathlib import Path

import av.error

from .arrays import MediaError
from .containers.source import Reader, Source
from .ffmpeg import AUDIO, open_input, tags_of


def read_tags(path: Path) -> dict[str, str]:
    """Tags of the file and of its first sound stream, keys in lower case.

    MediaError: the file cannot be read, has no sound, or more than `MOST_TAGS` tags.
    """
    found: dict[str, str] = {}
    try:
        with path.open("rb") as file:
            reader = Reader(Source(file))
            with open_input(reader, AUDIO) as container:
                if not container.streams.audio:
                    raise MediaError(
                        f"The file {path.name} has no sound: choose an audio file, or a video "
                        "with sound."
                    )
                found = tags_of({**container.metadata, **container.streams.audio[0].metadata})
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(
            f"The file {path.name} cannot be read as audio ({error}): choose another file."
        ) from error
    return {key.lower(): value for key, value in found.items()}
