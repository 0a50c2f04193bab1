"""Convert AUDIO to samples and back, and pixels to IMAGE; name files for a node's player.

ComfyUI counts each object in a list of a node's ui output as an output of the job. A file that is
only for the player is therefore named by text.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from . import clips, host
from .shared_inputs import LOUDNESS, checked_choice, checked_text

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from ..audio.arrays import LongSamples, Samples
    from ..music.mastering import Master
    from ..music.timed_words import TimedWord


def samples_of(audio: Any) -> tuple[Samples, int]:
    """Float32 [channels, samples] of the first item of a batch, and the sample rate in Hz.

    Raises:
        MediaError: `audio` is not AUDIO, or it has NaN, infinity or no samples.
        InputError: the audio is longer than the settings allow.
    """
    from ..audio.validate import check

    valid = check(audio)
    clips.check_length(valid["waveform"].shape[2] / valid["sample_rate"])
    return valid["waveform"][0].numpy(), valid["sample_rate"]


def audio_of(samples: Samples, sample_rate: int) -> dict[str, Any]:
    """AUDIO with one item."""
    import torch

    return {"waveform": torch.from_numpy(samples).unsqueeze(0), "sample_rate": sample_rate}


def image_of(picture: npt.NDArray[np.uint8]) -> torch.Tensor:
    """RGB [height, width, 3] as float32 [1, height, width, 3] from 0 to 1."""
    import numpy as np
    import torch

    # The picture may be read-only. torch warns about such an array.
    return torch.from_numpy(np.divide(picture, 255, dtype=np.float32)).unsqueeze(0)


def timed_words_of(name: str, value: Any) -> list[TimedWord]:
    """The words in the output of Timed Lyrics, or in LRC, SRT or WebVTT. An empty text has no
    words.

    Raises:
        InputError: the input `name` is not a text.
        MediaError: the text has no times.
    """
    text = checked_text(name, value)
    if not text.strip():
        return []
    from ..music.timed_words import read_lyrics

    return read_lyrics(text)


def mastered(
    samples: LongSamples, sample_rate: int, target: LongSamples, loudness: str, true_peak: float
) -> Master:
    """Write `samples` to `target` (both float32 [channels, n], or the same) at the chosen loudness,
    under the ceiling in dBTP.

    Raises:
        InputError: the loudness is not one of the choices.
        MediaError: the ceiling or the samples are out of range.
    """
    from ..music.mastering import master

    checked_choice("loudness", loudness, LOUDNESS)
    wanted = None if loudness == LOUDNESS[0] else float(loudness.split()[0])
    return master(samples, sample_rate, target, loudness=wanted, ceiling=true_peak)


def remember_origin(made: Any, audio: Any) -> None:
    """Record that `made` was cut out of `audio`, so that `made` has the receipt of the track.

    If the origin of `audio` is not known, or `audio` has several items, do nothing.
    """
    from ..audio.samples.origin import provenance_of, remember
    from ..audio.validate import check

    valid = check(audio)
    if len(valid["waveform"]) != 1:
        return
    # The stored file may no longer exist. Then the music has no origin.
    with contextlib.suppress(OSError):
        found = provenance_of(valid["waveform"][0], valid["sample_rate"])
        if found is not None:
            remember(made["waveform"], found.source, made["sample_rate"], exact=False)


Seams: TypeAlias = "list[tuple[float, float]]"
"""Two times in a file, in seconds: the player jumps from the first to the second. At a join they
are equal; at a loop the second is the start."""


def loop_seam(start: int, end: int, sample_rate: int) -> Seams:
    """The seam of a loop from sample `start` to `end`."""
    return [(end / sample_rate, start / sample_rate)]


def heard(*files: Mapping[str, Any]) -> dict[str, list[str]]:
    """The ui output that plays files: tracks of the ledger, or files that ComfyUI serves."""
    return {"aigateway_audio": [json.dumps(file) for file in files]}


def preview(
    samples: LongSamples, sample_rate: int, seams: Seams | None = None
) -> dict[str, list[str]]:
    """The ui output that plays `samples` (float32 [channels, n]); empty if the disk is full.

    Its button plays the `seams`.

    The audio is written to ComfyUI's temp folder as 16-bit FLAC: no person hears a difference.
    """
    from ..audio.encode import encode
    from ..audio.formats import DEFAULT_QUALITY, Encoding, Format

    path = host.temporary_path(Format.FLAC.extension)
    encoding = Encoding(Format.FLAC, DEFAULT_QUALITY[Format.FLAC])
    try:
        encode(samples, sample_rate, path, encoding)
    except (OSError, ValueError) as error:
        # The audio output does not need the player's file.
        host.log.warning("The player has no audio: %s", error)
        return heard()
    file: dict[str, Any] = {"filename": path.name, "subfolder": path.parent.name, "type": "temp"}
    return heard(file | {"seams": seams} if seams else file)
