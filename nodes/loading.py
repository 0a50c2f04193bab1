"""Load audio from an address: decode the file during its download, and store it here."""

from __future__ import annotations

import asyncio
import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast
from weakref import WeakKeyDictionary

from ..api.base.errors import InputError, LedgerError
from ..api.base.plain_text import clean, shortened
from . import host

if TYPE_CHECKING:
    import torch

    from ..api.account import Account
    from ..api.media.tracks import OpenAudio
    from ..api.settings import Settings
    from ..audio.memory import Memory
    from ..music.quality import Quality


FILES_AT_ONCE = 4
"""Files that are downloaded at the same time. Each may take `max_download_mb` of memory."""


_PATH = re.compile(r"/|\\|[A-Za-z]:[/\\]")
"""The beginnings of an absolute path. A web address has another beginning."""


class RunLimits(NamedTuple):
    """The limits that all files of one run share.

    Attributes:
        downloads: a semaphore, held while a file is downloaded and decoded.
        memory: the limit on the decoded audio.
    """

    downloads: asyncio.Semaphore
    memory: Memory


# ComfyUI has a new event loop for each run.
_limits: WeakKeyDictionary[asyncio.AbstractEventLoop, RunLimits] = WeakKeyDictionary()


def limits_of_run(settings: Settings) -> RunLimits:
    """The limits of the running graph, from the settings of its first node."""
    from ..audio.memory import Memory

    loop = asyncio.get_running_loop()
    if loop not in _limits:
        _limits[loop] = RunLimits(asyncio.Semaphore(FILES_AT_ONCE), Memory(settings.max_run_gb))
    return _limits[loop]


async def opened(account: Account, url: str, settings: Settings) -> OpenAudio:
    """See `Account.open`. The log names a bucket that fails.

    Some runners replace an address by the path of the file that they have downloaded.

    Raises:
        InputError: `url` is a path, and no file in ComfyUI's input or temp folder has it.
    """
    if _PATH.match(url.strip()):
        from ..api.media.tracks import file_of_machine

        path = await host.in_thread(_runners_file, url.strip())
        return file_of_machine(path, settings.max_download_mb)
    arriving = await account.open(url, settings)
    if arriving.trouble:
        host.log.warning("%s The track is downloaded from the gateway.", arriving.trouble)
    return arriving


def _runners_file(path: str) -> Path:
    for folder in ("input", "temp"):
        found = host.shown_file(path, "", folder)
        if found is not None:
            return found
    raise InputError(
        f"“{shortened(clean(path), 80)}” is no file in ComfyUI's input or temp folder: put the "
        "file there, or give a web address."
    )


async def decoded(
    account: Account, arriving: OpenAudio, settings: Settings, memory: Memory
) -> tuple[torch.Tensor, int, Path | None, str]:
    """Decode the arriving bytes and store the file. Hold `downloads` of the run until the end.

    If the file could not be stored everywhere, the text for the status line says so, else "".
    """
    from ..audio.decode import decode

    def work() -> tuple[torch.Tensor, int]:
        with arriving.reader as reader:
            return decode(
                cast("BinaryIO", reader), max_minutes=settings.max_audio_minutes, memory=memory
            )

    filling = asyncio.ensure_future(account.download(arriving))
    decoding = asyncio.ensure_future(host.in_thread(work))
    try:
        (waveform, rate), _ = await asyncio.gather(decoding, filling)
    finally:
        # The end of the download wakes a decoder that is waiting for bytes.
        filling.cancel()
    try:
        path, unsent = await _stored(account, arriving, settings)
    except (OSError, LedgerError) as error:
        # The decoded audio is complete. The next run does not pay again.
        host.log.warning("The track could not be stored on this machine: %s", error)
        return waveform, rate, None, " · not stored here: the next run downloads it again"
    if not unsent:
        return waveform, rate, path, ""
    host.log.warning("The bucket does not have the track yet: %s. It is sent again later.", unsent)
    return waveform, rate, path, f" · not in the bucket yet ({unsent}): it is sent again later"


def shaped(
    original: torch.Tensor, rate: int, path: Path | None, target: int | None, sides: int | None
) -> tuple[torch.Tensor, int]:
    """The waveform [C, T] at the chosen rate and with the chosen channels.

    The waveform's origin, the file at `path`, is recorded for Save Audio.
    """
    from ..audio.samples.channels import set_channels
    from ..audio.samples.origin import remember
    from ..audio.samples.resample import resample

    waveform = original
    if sides is not None:
        waveform = set_channels(waveform, sides)
    if target is not None:
        waveform, rate = resample(waveform, rate, target), target
    if path is not None:
        # The file may no longer exist. Then the waveform has no origin.
        with contextlib.suppress(OSError):
            remember(waveform, path, rate, exact=waveform is original)
    return waveform, rate


_judged: dict[str, Quality] = {}
_JUDGED = 256


def judged(waveform: torch.Tensor, rate: int, job_id: str | None) -> Quality | None:
    """The quality of a track [C, T], measured once for each job; None if it cannot be measured."""
    from ..audio.arrays import MediaError
    from ..music.quality import quality

    if job_id in _judged:
        return _judged[job_id]
    try:
        found = quality(waveform.numpy(), rate)
    except MediaError as error:
        host.log.info("The quality of a track is not measured: %s", error)
        return None
    if job_id:
        while len(_judged) >= _JUDGED:
            _judged.pop(next(iter(_judged)))
        _judged[job_id] = found
    return found


def collapse(found: Quality | None) -> host.StatusText | None:
    """A sentence on a track that falls into noise, silence or one held sound before its end."""
    if found is None or not found.collapse:
        return None
    return host.status_text(f"collapse_{found.collapse}", at=f"{found.collapse_at:.1f}")


def difference(arriving: OpenAudio, seconds: float) -> str:
    """A text with both lengths, if the track is clearly shorter or longer than the request."""
    asked = 0.0 if arriving.job is None else arriving.job.duration
    # A job that is known only by its id has no requested length. Encoders add some
    # hundredths of a second.
    if not asked or abs(seconds - asked) <= max(0.5, 0.02 * asked):
        return ""
    line = f"asked for {asked:.1f} s, received {seconds:.1f} s"
    host.log.warning("%s (job %s).", line, arriving.job.job_id if arriving.job else "")
    return f" · {line}"


def playable(arriving: OpenAudio, path: Path) -> dict[str, str]:
    """The file for the node's player: the id of its track, or ComfyUI's name for it."""
    if arriving.job is not None:
        return {"local_id": arriving.job.local_id}
    return {"filename": path.name, "subfolder": path.parent.name, "type": "temp"}


async def _stored(
    account: Account, arriving: OpenAudio, settings: Settings
) -> tuple[Path | None, str]:
    """The stored file: a job's in the track store, any other file in ComfyUI's temp folder.

    If the bucket does not have the file yet, the text gives the reason, else "".
    """
    stored = await account.store(arriving, settings)
    if stored.path is not None or arriving.job is not None:
        return stored.path, stored.unsent
    return await host.in_thread(host.temporary_file, arriving.content()), ""
