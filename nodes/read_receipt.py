"""ReadReceipt: the receipt in a saved file, and the track that it names."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from comfy_api.latest import io

from ..api.base.errors import InputError
from ..api.base.plain_text import clean, plain, shortened
from ..api.base.request import MAX_TAKE
from ..audio.containers.comments import GRAPH_KEYS
from ..audio.containers.xmp import facts_of, read_xmp
from . import host, session
from .conversions import heard
from .lists import shows_errors
from .shared_inputs import checked_text
from .signing import signature_of

if TYPE_CHECKING:
    from ..api.money.job import Job
    from ..api.settings import Settings

_LONGEST_TAG = 500


class ReadReceipt(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            "AIGatewayReadReceipt",
            search_aliases=["audio metadata", "tags", "id3", "which prompt", "file info"],
            inputs=[io.String.Input("file", default="")],
            outputs=[
                io.String.Output("prompt"),
                io.Int.Output("take"),
                io.String.Output("job_id"),
                io.String.Output("model"),
                io.Float.Output("price"),
                io.Audio.Output("audio"),
                io.String.Output("tags"),
            ],
        )

    @classmethod
    def fingerprint_inputs(cls, file: str = "") -> str:
        """A value that changes with the file."""
        path = host.own_file(file) if isinstance(file, str) else None
        if path is None:
            return ""
        facts = path.stat()
        return hashlib.sha256(f"{facts.st_mtime_ns} {facts.st_size}".encode()).hexdigest()

    @classmethod
    @shows_errors
    async def execute(cls, file: str) -> io.NodeOutput:
        path = _path(file)
        return await host.interruptible(_read(path, session.settings()))


def _path(file: object) -> Path:
    # Save Audio gives one path per line for a batch.
    first = next(filter(None, map(str.strip, checked_text("file", file).splitlines())), "")
    if not first:
        raise InputError("The file is empty: type the path of a file in output/ or input/.")
    path = host.own_file(first)
    if path is None:
        raise InputError(
            f"The file “{shortened(clean(first), 80)}” is not in ComfyUI's output or "
            "input folder: check its name, or copy it there."
        )
    return path


class Receipt(NamedTuple):
    """The known facts of a track. An unknown fact is empty or 0."""

    prompt: str = ""
    take: int = 0
    job_id: str = ""
    model: str = ""
    price: float = 0.0
    service: str = ""

    @classmethod
    def of_job(cls, job: Job) -> Receipt:
        model = job.selected or job.model
        return cls(job.prompt, job.take, job.job_id or "", model, job.charge or 0.0, job.service)

    @classmethod
    def of_tags(cls, tags: Mapping[str, str]) -> Receipt:
        """The receipt in a tag. Any program can write tags: an invalid value counts as missing."""
        try:
            found = json.loads(tags.get("receipt", ""))
        except (ValueError, RecursionError):
            return cls()
        if not isinstance(found, dict):
            return cls()
        return cls(
            clean(_text(found, "prompt")),
            int(_number(found, "take", MAX_TAKE)),
            plain(_text(found, "job_id")),
            plain(_text(found, "selected_model") or _text(found, "model")),
            _number(found, "price_usd", MAX_TAKE),
            plain(_text(found, "service")),
        )


def _text(found: Mapping[str, Any], key: str) -> str:
    value = found.get(key)
    return value if isinstance(value, str) else ""


def _number(found: Mapping[str, Any], key: str, most: int) -> float:
    """A number from 0 to `most`; 0 for anything else."""
    value = found.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0.0
    return value if 0 <= value <= most else 0.0


async def _read(path: Path, settings: Settings) -> io.NodeOutput:
    from ..audio.tags import read_tags

    tags = await host.in_thread(read_tags, path)
    facts = await host.in_thread(_xmp_of, path)
    receipt = Receipt.of_tags(tags)
    library = await session.library()
    job = None
    if receipt.job_id:
        job = await library.job_of_id(receipt.service, receipt.job_id)
    track = None
    if job is not None:
        # The ledger is more reliable than a tag.
        receipt = Receipt.of_job(job)
        track = await library.stored_track(job, settings)
    audio = await host.in_thread(
        _decoded, track or path, settings.max_audio_minutes, is_track=bool(track)
    )
    is_heard = track is None or await host.in_thread(_is_heard, path, audio)
    host.show_status(_line(receipt, job, track, is_heard=is_heard))
    if track is not None and job is not None:
        shown = heard({"local_id": job.local_id})
    else:
        shown = heard(host.served(path))
    return io.NodeOutput(*receipt[:5], audio, _shown({**tags, **facts}), ui=shown)


def _xmp_of(path: Path) -> dict[str, str]:
    """The file's XMP, such as `xmp Iptc4xmpExt:DigitalSourceType`, and its signature."""
    with path.open("rb") as file:
        facts = facts_of(read_xmp(file))
    return {**{f"xmp {name}": value for name, value in facts.items()}, **signature_of(path)}


def _decoded(path: Path, max_minutes: float, *, is_track: bool) -> dict[str, Any]:
    from ..audio.decode import decode
    from ..audio.samples.origin import remember

    with path.open("rb") as file:
        waveform, sample_rate = decode(file, max_minutes=max_minutes)
    if is_track:
        remember(waveform, path, sample_rate)
    return {"waveform": waveform.unsqueeze(0), "sample_rate": sample_rate}


def _is_heard(path: Path, track: Mapping[str, Any]) -> bool:
    """Whether the file contains the sound of the track, or a part of it."""
    from ..audio.arrays import MediaError
    from ..audio.decode import decode
    from ..audio.samples.origin import is_part_of

    whole, rate = track["waveform"][0], track["sample_rate"]
    try:
        with path.open("rb") as file:
            # One second more than the track: a longer file has another sound.
            waveform, own_rate = decode(file, max_minutes=(whole.shape[-1] / rate + 1) / 60)
    except MediaError:
        return False
    return is_part_of(waveform, own_rate, whole, rate)


def _line(receipt: Receipt, job: Job | None, track: Path | None, *, is_heard: bool) -> str:
    if not receipt.job_id:
        return "the file has no receipt: the audio is its own"
    if job is None:
        return f"job {receipt.job_id} is not in this machine's ledger: the audio is the file's own"
    if track is None:
        return f"job {receipt.job_id}: the track is not on this machine: the audio is the file's"
    if not is_heard:
        return (
            f"this file says that it is of job {receipt.job_id}; its sound is not the bought "
            "track, which is the audio here"
        )
    return f"job {receipt.job_id}: the audio is the bought track"


def _shown(tags: Mapping[str, str]) -> str:
    """One tag per line. A graph is shown only by its size."""
    lines = []
    for key, value in sorted(tags.items()):
        shown = plain(value, _LONGEST_TAG)
        if key in GRAPH_KEYS:
            shown = f"a graph of {len(value)} characters"
        lines.append(f"{plain(key, _LONGEST_TAG)}: {shown}")
    return "\n".join(lines)
