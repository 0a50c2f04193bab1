"""Takes: buys several takes of one request at the same time. Each take is a track."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from ..api.base.errors import GatewayError
from ..api.base.plain_text import dollars
from ..api.base.request import AS_GIVEN, DEFAULT_MODEL, FORMATS, MAX_COUNT, MusicRequest
from . import host, session
from .conversions import heard
from .error_report import explained
from .host import StatusText, status_text
from .lists import failures, id_of, note_failure, running_item, shows_errors
from .loading import (
    collapse,
    decoded,
    difference,
    judged,
    limits_of_run,
    opened,
    playable,
    shaped,
)
from .poll_job import CANCEL
from .pricing import refusal_at_queue
from .shared_inputs import TIMEOUT, checked_timeout, request_inputs, timeout_input
from .status_lines import outcome, retry_line, show_submit, wait_fraction, wait_line

if TYPE_CHECKING:
    from ..api.account import Account
    from ..api.money.job import Job
    from ..api.money.wait import Progress
    from ..api.settings import Settings
    from ..music.quality import Quality

COUNT = 4


class Takes(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return host.schema(
            "AIGatewayTakes",
            search_aliases=["variations", "several tracks", "batch of music", "re-roll"],
            inputs=[
                *request_inputs(),
                io.Int.Input("count", default=COUNT, min=1, max=MAX_COUNT, optional=True),
                timeout_input(),
            ],
            outputs=[
                io.Audio.Output("audio", is_output_list=True),
                io.String.Output("job_id", is_output_list=True),
                io.String.Output("report"),
            ],
        )

    @classmethod
    async def validate_inputs(cls, prompt: str | None = None) -> bool | str:
        return await refusal_at_queue(prompt, id_of(cls)) or True

    @classmethod
    def fingerprint_inputs(cls, **inputs: object) -> str:
        """A value that changes with the service, and after a run in which takes failed."""
        return f"{session.service_fingerprint()} {failures(cls)}"

    @classmethod
    @shows_errors
    async def execute(
        cls,
        prompt: str,
        duration: float,
        lyrics: str = "",
        format: str = FORMATS[0],
        model: str = DEFAULT_MODEL,
        take: int = 1,
        words: str = AS_GIVEN,
        count: int = COUNT,
        timeout: float = TIMEOUT,
    ) -> io.NodeOutput:
        item = running_item()
        item.costs_nothing = True
        request = MusicRequest(prompt, duration, lyrics, format, model, take, words)
        requests = request.takes(count)
        timeout = checked_timeout(timeout)
        item.label = f"{len(requests)} takes from {requests[0].label}"
        settings = session.settings(needs_key=True)
        account = await session.account(settings)
        hints = await session.hints(requests[0], account.name)
        display = host.Display()
        takes = await _bought(account, requests, settings, display)
        item.costs_nothing = False
        known = {
            job_id: audio
            for _, output in item.batch.before
            for audio, job_id in zip(*output.args[:2], strict=True)
        }
        work = asyncio.gather(*(take.finish(account, settings, timeout, known) for take in takes))
        try:
            await host.interruptible(work, on_check=lambda: _show(display, account, takes))
        except host.interrupt_exception():
            display.show(await _interrupted(account, takes, settings.on_interrupt.value))
            raise
        return _output(account, takes, display, hints)


async def _bought(
    account: Account,
    requests: Sequence[MusicRequest],
    settings: Settings,
    display: host.Display,
) -> list[Take]:
    """Check the price of the node's whole list, then submit the takes."""

    async def submit(lists: Sequence[Sequence[MusicRequest]]) -> list[list[Job | BaseException]]:
        asked = [request for each in lists for request in each]
        jobs = iter(await session.submit_all(account, asked, settings))
        return [list(islice(jobs, len(each))) for each in lists]

    jobs = await host.interruptible(
        running_item().together(requests, submit),
        on_check=lambda: show_submit(account, display, requests[0]),
    )
    return [Take(request, job) for request, job in zip(requests, jobs, strict=True)]


def _show(display: host.Display, account: Account, takes: Sequence[Take]) -> None:
    waiting = [take for take in takes if not take.has_ended]
    fraction = sum(take.fraction for take in takes) / len(takes)
    slowest = min(waiting, key=lambda take: take.fraction, default=None)
    line = slowest.line(_trouble(account, slowest)) if slowest else ""
    ended = f"{len(takes) - len(waiting)} of {len(takes)} takes ended"
    display.show(f"{ended} · {line}" if line else ended, fraction)


def _trouble(account: Account, take: Take) -> StatusText | None:
    return retry_line(account, take.job) if take.job else None


async def _interrupted(account: Account, takes: Sequence[Take], on_interrupt: str) -> str:
    jobs = [take.job for take in takes if take.job is not None and not take.has_ended]

    async def after(job: Job) -> Job:
        if on_interrupt != CANCEL:
            return job
        try:
            return await account.cancel(job)
        except GatewayError as error:
            host.log.warning("The job %s could not be cancelled: %s", job.job_id, error)
            return job

    ended = [job for job in await asyncio.gather(*map(after, jobs)) if job.state.is_dead]
    go_on = len(jobs) - len(ended)
    line = f"interrupted; {go_on} of {len(takes)} jobs go on, queue again to pick them up"
    if not ended:
        return line
    charge = sum(job.charge or 0.0 for job in ended)
    cost = f"the gateway charged {dollars(charge)} for them" if charge else "they cost nothing"
    return f"{line}; {len(ended)} were cancelled, and {cost}"


def _output(
    account: Account, takes: Sequence[Take], display: host.Display, hints: Sequence[str]
) -> io.NodeOutput:
    """The good takes, and a report of all takes. If every take failed: the first one's error."""
    good = [take for take in takes if take.audio is not None]
    failed = [take for take in takes if take.error is not None]
    if not good:
        raise _error(takes, next(take.error for take in takes if take.error is not None))
    if failed:
        # The next run waits for the failed takes again, and loads only these.
        note_failure()
    falls = [
        status_text("text", fall, text=f"take {take.request.take}")
        for take in good
        if (fall := collapse(take.quality))
    ]
    notes = [*(status_text("failed", text=take.outcome) for take in failed), *falls, *hints]
    loaded = outcome(account, "takes", notes, good=len(good), count=len(takes))
    display.show(loaded, 1.0)
    summary = str(loaded._replace(more=()))
    report = "\n".join([summary, *(take.report for take in takes)])
    files = [take.file for take in good if take.file is not None]
    tracks = [take.job.local_id for take in takes if take.job is not None]
    # The browser looks up the cost of the tracks.
    ui: dict[str, Any] = {"aigateway_track": tracks, **heard(*files)}
    ids = [take.job.job_id if take.job else "" for take in good]
    return io.NodeOutput([take.audio for take in good], ids, report, ui=ui)


def _error(takes: Sequence[Take], error: Exception) -> Exception:
    """Add the outcome of all takes to `error`, the error of the first take."""
    nothing_sent = all(take.job is None and str(take.error) == str(error) for take in takes)
    if len(takes) == 1 or nothing_sent:
        return error
    sentence = f"No take is good: {'; '.join(take.outcome for take in takes)}."
    if isinstance(error, GatewayError):
        return error.noting(sentence)
    named = GatewayError(f"{error} {sentence}")
    named.__cause__ = error
    return named


class Take:
    """
    Attributes:
        job: the last known state of the job; None if the submit failed.
        audio: AUDIO, once the take is loaded.
        file: the file for the node's player; None if the track could not be stored.
        error: the reason for missing audio, else None.
        quality: that of the loaded track, if it can be measured.
    """

    def __init__(self, request: MusicRequest, bought: Job | BaseException) -> None:
        self.request = request
        self.job: Job | None = None
        self.audio: Mapping[str, Any] | None = None
        self.file: Mapping[str, str] | None = None
        self.error: Exception | None = None
        self.quality: Quality | None = None
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
        """The estimated progress, 0 to 1."""
        if self.has_ended:
            return 1.0
        return wait_fraction(self._progress) if self._progress else 0.0

    def line(self, trouble: StatusText | None) -> StatusText | str:
        """The current state of the take."""
        return wait_line(self._progress, trouble) if self._progress else ""

    @property
    def report(self) -> str:
        """One line: the take, its state, its charge, and its length or its error."""
        job_id = f", job {self.job.job_id}" if self.job and self.job.job_id else ""
        if self.audio is not None:
            seconds = self.audio["waveform"].shape[-1] / self.audio["sample_rate"]
            facts = f", {self.quality}" if self.quality else ""
            fall = f" · {collapse(self.quality)}" if collapse(self.quality) else ""
            return f"{self.outcome}, {seconds:.1f} s{job_id}{facts}{fall}{self._note}"
        reason = (str(self.error).splitlines() or [""])[0]
        return f"{self.outcome}{job_id}: {reason}"

    @property
    def outcome(self) -> str:
        """The take with its state and its charge: `take 2 failed, not charged`."""
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
            known: AUDIO of jobs that the previous run loaded, by job id.
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
            waveform = audio["waveform"][0]
            self.quality = await host.in_thread(
                judged, waveform, audio["sample_rate"], self.job.job_id
            )
            self.audio = audio
        except host.interrupt_exception():
            raise
        except Exception as error:
            self.error = explained(error)
            self.job = await account.current(self.job)

    async def _loaded(self, account: Account, job: Job, settings: Settings) -> Mapping[str, Any]:
        run = limits_of_run(settings)
        async with run.downloads:
            arriving = await opened(account, job.result_url or "", settings)
            original, rate, path, lost = await decoded(account, arriving, settings, run.memory)
        waveform, rate = await host.in_thread(shaped, original, rate, path, None, None)
        self._note = f"{difference(arriving, waveform.shape[-1] / rate)}{lost}"
        self.file = None if path is None else playable(arriving, path)
        return {"waveform": waveform.unsqueeze(0), "sample_rate": rate}

    def _show(self, progress: Progress) -> None:
        self._progress = progress
