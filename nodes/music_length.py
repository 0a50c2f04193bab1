"""MusicLength: the length of the music for a picture, and a tempo that gives whole bars."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from comfy_api.latest import io

from ..api.base.errors import InputError
from ..api.base.request import MAX_DURATION, MIN_DURATION
from . import clips, host
from .lists import shows_errors
from .shared_inputs import checked_text, fps_input, frames_input, hits_input, picture_input

if TYPE_CHECKING:
    from ..music.filling import HitTempo
    from ..music.hits import Hit

MUSIC_LENGTH = "AIGatewayMusicLength"
NEAR_TEMPO = 100.0
# `web/js/inputs.js` reads the same text.
_KEPT = re.compile(
    r"\s*(\d{1,4}(?:\.\d{1,3})?) s, (\d{1,5}(?:\.\d{1,3})?) bpm\s*(?:: (.*))?", re.DOTALL
)


class Kept(NamedTuple):
    """The music that was ordered last: seconds, bpm, and words, which are empty if none came."""

    duration: float
    tempo: float
    words: str


class MusicLength(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            MUSIC_LENGTH,
            has_intermediate_output=True,
            search_aliases=["video length", "duration from video", "frames to seconds", "bpm"],
            inputs=[
                picture_input(),
                frames_input(),
                fps_input(),
                io.Float.Input("tail", default=0.0, min=0.0, max=60.0, step=0.1, optional=True),
                io.Float.Input(
                    "near_tempo", default=NEAR_TEMPO, min=40.0, max=240.0, step=1.0, optional=True
                ),
                io.Boolean.Input("keep", default=False, optional=True),
                io.String.Input("kept", default="", optional=True, **host.ADVANCED),
                hits_input(),
                io.String.Input("words", default="", optional=True, force_input=True),
            ],
            outputs=[
                io.Float.Output("duration"),
                io.Float.Output("seconds"),
                io.Int.Output("frames"),
                io.Float.Output("fps"),
                io.Float.Output("tempo"),
                io.String.Output("tempo_words"),
                io.Float.Output("offset"),
                io.String.Output("report"),
                io.String.Output("prompt"),
            ],
        )

    @classmethod
    @shows_errors
    async def execute(
        cls,
        picture: Any = None,
        frames: int = 0,
        fps: float = 0.0,
        tail: float = 0.0,
        near_tempo: float = NEAR_TEMPO,
        keep: bool = False,
        kept: str = "",
        hits: str = "",
        words: str = "",
    ) -> io.NodeOutput:
        before = kept_music(kept) if keep else None
        words = checked_text("words", words).strip().rstrip(".")
        return await host.in_thread(
            _measured, picture, frames, fps, tail, near_tempo, before, hits, words
        )


def kept_music(kept: Any) -> Kept | None:
    """The music that `kept` names; None if it is empty.

    Its form is “8.000 s, 92.308 bpm”, or “8.000 s, 92.308 bpm: calm piano” with words.

    Raises:
        InputError: the text does not name a length that a request may have.
    """
    text = checked_text("kept", kept)
    if not text.strip():
        return None
    found = _KEPT.fullmatch(text)
    if not found or not (MIN_DURATION <= float(found[1]) <= MAX_DURATION and float(found[2]) > 0):
        raise InputError(
            f"kept is “{text[:80]}”: give a length of {MIN_DURATION:g} to {MAX_DURATION:g} s and a "
            "tempo, such as “8.000 s, 92.308 bpm”, or empty it, and the music gets a new length."
        )
    return Kept(float(found[1]), float(found[2]), found[3] or "")


def kept_output(output: int, given: Mapping[str, Any]) -> float | str | None:
    """The value of an output that is known before the run; None if the run measures it.

    Args:
        given: the inputs of the node.
    """
    kept = given.get("kept", "")
    try:
        before = kept_music(kept) if given.get("keep") is True else None
    except InputError:
        # The node itself reports this error.
        return None
    if before is None:
        return None
    duration, tempo, words = before
    prompt = _prompt(words, tempo) if words else None
    return {0: duration, 4: tempo, 5: tempo_words(tempo), 8: prompt}.get(output)


def _prompt(words: str, tempo: float) -> str:
    return f"{words}, {tempo_words(tempo)}" if words else tempo_words(tempo)


def tempo_words(tempo: float) -> str:
    """The tempo for a prompt: “92 bpm”. A half is rounded up, as JavaScript does."""
    return f"{math.floor(round(tempo, 3) + 0.5)} bpm"


def _measured(
    given: Any,
    frames: int,
    fps: float,
    tail: float,
    near_tempo: float,
    kept: Kept | None,
    hits: str,
    words: str,
) -> io.NodeOutput:
    from ..music.filling import SHORTEST, filling_tempo, hit_tempo, whole_bars

    if tail < 0:
        raise InputError(f"tail is {tail:g} s: give 0 or more seconds.")
    found = clips.length(given, frames, fps)
    seconds = float(found.seconds)
    wished = clips.hits(hits, given, fps, found)
    is_long = seconds >= SHORTEST
    met = None
    if wished.hits and is_long and kept is None:
        met = hit_tempo(seconds, near_tempo, wished.hits)
    tempo = met.tempo if met else filling_tempo(seconds, near_tempo)
    if tail and is_long:
        tail = whole_bars(tail, tempo)
    # A request has whole milliseconds. Round up, so that no frame is silent.
    wanted = math.ceil((seconds + tail) * 1000) / 1000
    duration = min(max(wanted, MIN_DURATION), MAX_DURATION)
    filled = f"{tempo:.1f} bpm fills them" if is_long else "less than a bar"
    lines = [f"{tempo:.1f} bpm: whole bars of 4 beats fill {seconds:.3f} s."]
    if met:
        lines = _told(wished.hits, met)
        filled = lines[0].rstrip(".")
    more = f"{filled}{_beyond(wanted)}"
    if kept is not None:
        duration, tempo = kept.duration, kept.tempo
        words = kept.words or words
        more = f"the music of {duration:.3f} s at {tempo:.1f} bpm is kept"
        lines = [f"The music of {duration:.3f} s at {tempo:.1f} bpm is kept."]
    host.show_status(
        f"{found.frames} frames at {float(found.fps):.3f} fps are {seconds:.3f} s · {more}"
    )
    return io.NodeOutput(
        duration,
        seconds,
        found.frames,
        float(found.fps),
        tempo,
        tempo_words(tempo),
        met.offset if met else 0.0,
        "\n".join((*lines, *wished.notes)),
        _prompt(words, tempo),
        # The page keeps it for `kept`, once a track of this length is ordered.
        ui={"aigateway_length": [f"{duration:.3f} s, {tempo:.3f} bpm{words and f': {words}'}"]},
    )


def _told(hits: Sequence[Hit], met: HitTempo) -> list[str]:
    """The hits that Fit Music can meet with music of this tempo, in words."""
    from ..music.hits import told

    where = f"The first bar begins at {met.offset:.2f} s."
    lines = told(hits, met.errors, met.bars)
    return [f"{met.tempo:.0f} bpm: {lines[0]}", where, *lines[1:]]


def _beyond(wanted: float) -> str:
    if wanted > MAX_DURATION:
        return f" · the model makes {MAX_DURATION:g} s at most: Fit Music makes more of it"
    if wanted < MIN_DURATION:
        return f" · the model makes {MIN_DURATION:g} s at least: Fit Music cuts it"
    return ""
