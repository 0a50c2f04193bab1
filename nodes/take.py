"""One of several takes on its way: waited for, loaded, and named with its state and its money."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import turns
from .loading import decoded, difference, opened, playable, shaped
from .missing import explained
from .said import Said
from .waiting import fraction_of, line_of

if TYPE_CHECKING:
    from ..api.account import Account
    from ..api.money.job import Job
    from ..api.money.wait import Progress
    from ..api.request import MusicRequest
    from ..api.settings import Settings


class Take:
    """
    Attributes:
        job: the job as it was known last; None where the submit gave none.
        audio: AUDIO, once the take is loaded.
        file: what the player plays, None where the file could not be kept.
        error: why there is no audio.
    """

    def __init__(self, request: MusicRequest, bought: Job | BaseException) -> None:
        self.request = request
        self.job: Job | None = None
        self.audio: Mapping[str, Any] | None = None
        self.file: Mapping[str, str] | None = None
        self.error: Exception | None = None
        self._note = ""
        self._progress: Progress | None = None
        if isinstance(bought, Exception):
            self.error = explained(bought)
        elif isinstance(bought, BaseException):
            raise bought
        else:
            self.job = bought

    @property
    def has_ended(self) -> bool:
        return self.audio is not None or self.error is not None

    @property
    def fraction(self) -> float:
        """The estimated share that is over, 0 to 1."""
        if self.has_ended:
            return 1.0
        return fraction_of(self._progress) if self._progress else 0.0

    def line(self, trouble: Said | None) -> Said | str:
        """What the take does now."""
        return line_of(self._progress, trouble) if self._progress else ""

    @property
    def report(self) -> str:
        """The take with its state, its money and its length or its error, on one line."""
        job_id = f", job {self.job.job_id}" if self.job and self.job.job_id else ""
        if self.audio is not None:
            seconds = self.audio["waveform"].shape[-1] / self.audio["sample_rate"]
            return f"{self.outcome}, {seconds:.1f} s{job_id}{self._note}"
        reason = (str(self.error).splitlines() or [""])[0]
        return f"{self.outcome}{job_id}: {reason}"

    @property
    def outcome(self) -> str:
        """The take with its state and its money: `take 2 failed, not charged`."""
        name = f"take {self.request.take}"
        if self.job is not None:
            return f"{name} {self.job.state.value}, {self.job.bill}"
        is_uncertain = getattr(self.error, "may_have_been_charged", False)
        bill = getattr(self.error, "bill", "") or "not charged"
        return f"{name} {'uncertain' if is_uncertain else 'not ordered'}, {bill}"

    async def finish(
        self, account: Account, settings: Settings, timeout: float, known: Mapping[str, Any]
    ) -> None:
        """Wait for the job and load its track.

        Args:
            timeout: see `Account.wait`.
            known: AUDIO of jobs that were loaded in the run before, by their ids.
        """
        if self.job is None:
            return
        try:
            self.job = await account.wait(self.job, timeout=timeout, progress=self._show)
            audio = known.get(self.job.job_id or "")
            if audio is None:
                audio = await self._loaded(account, self.job, settings)
            else:
                self.file = {"local_id": self.job.local_id}
            self.audio = audio
        except Exception as error:
            self.error = explained(error)
            self.job = await account.current(self.job)

    async def _loaded(self, account: Account, job: Job, settings: Settings) -> Mapping[str, Any]:
        run = turns.of_this_run(settings)
        async with run.turn:
            source = await opened(account, job.result_url or "", settings)
            original, rate, path, lost = await decoded(account, source, settings, run.memory)
        waveform, rate = await asyncio.to_thread(shaped, original, rate, path, None, None)
        self._note = f"{difference(source, waveform.shape[-1] / rate)}{lost}"
        self.file = None if path is None else playable(source, path)
        return {"waveform": waveform.unsqueeze(0), "sample_rate": rate}

    def _show(self, progress: Progress) -> None:
        self._progress = progress
