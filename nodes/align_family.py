"""AlignFamily: brings tracks to one tempo, one length and one loudness, for a game that switches
between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from comfy_api.latest import io

from ..audio.arrays import MediaError
from . import host
from .conversions import audio_of, loop_seam, preview, remember_origin, samples_of
from .lists import running_item, shows_errors
from .shared_inputs import LOUDNESS, checked_choice, checked_text, loudness_inputs, tempo_input

if TYPE_CHECKING:
    from ..music.family import Aligned, Family


class AlignFamily(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            "AIGatewayAlignFamily",
            has_intermediate_output=True,
            search_aliases=["adaptive music", "interactive music", "game music", "same tempo"],
            inputs=[
                io.Audio.Input("audio"),
                io.String.Input("family", default="", optional=True),
                io.String.Input("name", default="", optional=True),
                tempo_input(),
                io.Int.Input("bars", default=0, min=0, max=1000, optional=True),
                *loudness_inputs(),
            ],
            outputs=[
                io.Audio.Output("audio"),
                io.Int.Output("loop_start"),
                io.Int.Output("loop_length"),
                io.Float.Output("bpm"),
                io.Int.Output("bars"),
                io.Boolean.Output("aligned"),
                io.String.Output("report"),
            ],
        )

    @classmethod
    @shows_errors
    async def execute(
        cls,
        audio: Any,
        family: str = "",
        name: str = "",
        tempo: float = 0.0,
        bars: int = 0,
        loudness: str = LOUDNESS[0],
        true_peak: float = -1.0,
    ) -> io.NodeOutput:
        checked_choice("loudness", loudness, LOUDNESS)
        item = running_item()
        number = item.batch.items.index(item) + 1
        item.label = checked_text("name", name).strip() or f"member {number}"
        wish = _Wish(checked_text("family", family).strip(), tempo, bars, loudness, true_peak)
        asked = _Asked(audio, item.label, wish)

        async def work(members: Sequence[_Asked]) -> Sequence[_Made | BaseException]:
            return await host.in_thread(_aligned, members)

        made = await item.together(asked, work)
        if item is item.batch.items[0]:
            _show(made.every)
        return await host.in_thread(_output, audio, made)


class _Wish(NamedTuple):
    """Members with the same wish belong to one family."""

    family: str
    tempo: float
    bars: int
    loudness: str
    true_peak: float


class _Asked(NamedTuple):
    audio: Any
    name: str
    wish: _Wish


class _Made(NamedTuple):
    family: Family
    member: Aligned
    title: str
    every: tuple[Family, ...]


def _aligned(members: Sequence[_Asked]) -> list[_Made | BaseException]:
    """Align each family among the members. A member without usable samples fails alone."""
    from ..music.family import Member, align

    results: list[_Made | BaseException | None] = [None] * len(members)
    groups: dict[_Wish, list[tuple[int, Member]]] = {}
    for index, asked in enumerate(members):
        try:
            member = Member(asked.name, *samples_of(asked.audio))
        except ValueError as error:
            results[index] = error
        else:
            groups.setdefault(asked.wish, []).append((index, member))
    families: dict[_Wish, Family | MediaError] = {}
    for wish, group in groups.items():
        wanted = None if wish.loudness == LOUDNESS[0] else float(wish.loudness.split()[0])
        try:
            families[wish] = align(
                [member for _, member in group],
                tempo=wish.tempo,
                bars=wish.bars,
                loudness=wanted,
                ceiling=wish.true_peak,
            )
        except MediaError as error:
            families[wish] = error
    every = tuple(found for found in families.values() if not isinstance(found, MediaError))
    for wish, group in groups.items():
        found = families[wish]
        for position, (index, _) in enumerate(group):
            if isinstance(found, MediaError):
                results[index] = found
            else:
                results[index] = _Made(found, found.members[position], wish.family, every)
    return [result for result in results if result is not None]


def _show(families: Sequence[Family]) -> None:
    """Name the members that are not aligned, or the number of those that are."""
    members = [member for family in families for member in family.members]
    troubles = [host.as_is(member.trouble) for member in members if member.problem]
    good = len(members) - len(troubles)
    host.show_status(
        host.status_text("aligned", *troubles, good=str(good), count=str(len(members)))
    )


def _output(audio: Any, made: _Made) -> io.NodeOutput:
    family, member = made.family, made.member
    output = audio_of(member.samples, family.sample_rate)
    remember_origin(output, audio)
    title = f"Family {made.title}: " if made.title else ""
    report = f"{title}{family.summary}\n{member.line}"
    shown = preview(
        member.samples, family.sample_rate, loop_seam(0, family.length, family.sample_rate)
    )
    return io.NodeOutput(
        output, 0, family.length, family.bpm, family.bars, not member.problem, report, ui=shown
    )
