"""Write tags into a copy of an encoded file. The bytes of its audio do not change.

ComfyUI's frontend restores the graph of a file on the canvas from the tag `workflow` or `prompt`.
It reads plain-ASCII JSON in the Vorbis comments of FLAC and Ogg, and in the ID3v2.4 user text of
MP3. The frontend cannot read WAV: there, the same tags stand in an `id3 ` chunk for other
programs.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from ..files.atomic import new_file
from ..files.sniff import SNIFF_BYTES, Container, skip_id3v2, sniff
from .arrays import MediaError
from .containers import mpeg
from .containers.flac import flac_fragments
from .containers.fragments import Fragment, Span, size_of, write_fragments
from .containers.id3 import build_id3
from .containers.loop_points import LoopPoints
from .containers.ogg_tags import codec_of, ogg_fragments
from .containers.riff import Coding, read_wav, wav_fragments
from .containers.source import Source
from .formats import Format


def retag(
    source: Path | bytes, path: Path, tags: Mapping[str, str], loop: LoopPoints | None = None
) -> tuple[str, ...]:
    """Write `source` (MP3, WAV, FLAC, Opus or Ogg Vorbis) to the new file `path` with `tags`.

    `loop` is written into WAV, FLAC and Ogg Vorbis. Without it, old loop points stay.

    Old tags stay, except tags of the same name and the graphs and receipts of other files. Returns
    the keys left out. In Ogg the graph must fit one page (64.9 KB in all): if it does not,
    `prompt` is left out, then `workflow`.

    `path` appears whole or not at all. FileExistsError if it exists; MediaError for a format that
    cannot be tagged or a broken file.
    """
    # Not durable: the file can be made again from its source.
    with _opened(source) as file, new_file(path, durable=False) as temporary:
        fragments, dropped = _plan(file, tags, loop)
        with open(temporary, "wb") as out:
            write_fragments(file, fragments, out)
    return dropped


def format_of(source: Path | bytes) -> Format | None:
    """The format of `source`, told from its content, if `retag` can write a file of it.

    Returns None for other codecs, even in a known container (AAC after an ID3v2 tag, MP3 in WAV,
    FLAC in Ogg), for RF64, and for a header that contradicts itself.
    """
    with _opened(source) as file:
        start, container = _identify(file)
        try:
            if container is Container.FLAC:
                return Format.FLAC
            if container is Container.OGG and start == 0:
                return Format.OPUS if codec_of(file) == "opus" else Format.OGG
            if container is Container.WAV and start == 0:
                return Format.WAV if _is_plain_wav(Source(file)) else None
            if container is Container.MP3:
                return Format.MP3 if mpeg.is_layer_3(Source(file), start) else None
        except MediaError:
            # Refuse a broken file.
            return None
    return None


def _is_plain_wav(source: Source) -> bool:
    wav = read_wav(source)
    return (
        source.bytes_at(0, 4) == b"RIFF"
        and wav.coding is not Coding.OTHER
        and wav.consistent
        and not wav.truncated
    )


def _plan(
    file: BinaryIO, tags: Mapping[str, str], loop: LoopPoints | None
) -> tuple[Iterable[Fragment], tuple[str, ...]]:
    start, container = _identify(file)
    if container is Container.FLAC:
        return flac_fragments(file, start, _with_loop(tags, loop, Format.FLAC)), ()
    if container is Container.OGG:
        return ogg_fragments(file, _with_loop(tags, loop, Format.OGG))
    if container is Container.WAV and start == 0:
        return wav_fragments(file, tags, loop), ()
    if container is Container.MP3:
        file.seek(0)
        old = file.read(start)
        return [build_id3(tags, old), Span(start, size_of(file))], ()
    raise MediaError(
        "This format cannot be tagged: expected MP3, WAV, FLAC, Opus or Ogg Vorbis; save it in "
        "one of these formats instead."
    )


def _with_loop(
    tags: Mapping[str, str], loop: LoopPoints | None, format: Format
) -> Mapping[str, str]:
    return tags if loop is None else {**tags, **loop.tags(format)}


def _identify(file: BinaryIO) -> tuple[int, Container]:
    """The position of the audio after any ID3v2 tags, and its container."""
    start = skip_id3v2(Source(file).bytes_at)
    file.seek(start)
    container = sniff(file.read(SNIFF_BYTES))
    if container is Container.UNKNOWN and start and mpeg.find_first_frame(Source(file), start):
        container = Container.MP3
    return start, container


@contextlib.contextmanager
def _opened(source: Path | bytes) -> Iterator[BinaryIO]:
    with io.BytesIO(source) if isinstance(source, bytes) else open(source, "rb") as file:
        yield file
