"""AIgateway's HTTP API: one method for each call. `exchange` sends it and raises its errors."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from ..base.errors import InputError, NotFoundError, ProtocolError, RejectedError
from ..base.plain_text import plain
from ..base.question import TRANSCRIBE
from ..base.timing import Timing
from .download import FileAddress
from .exchange import Answer, Exchange
from .key import ApiKey, is_one_part, job_file, key_may_go_elsewhere, key_may_go_to
from .protocol import (
    RECENT_ROWS,
    JobRecord,
    JobStatus,
    Model,
    parse_job,
    parse_models,
    parse_reply,
    parse_signed,
    parse_transcription,
)
from .rate_limit import Due, RateLimiter, Retries, moment

if TYPE_CHECKING:
    from ..base.question import AnyQuestion, Reply
    from ..base.request import MusicRequest

_log = logging.getLogger("aigateway")

_KEY_LENGTH = 16
SIGNED_SECONDS = 3600
"""The lifetime to ask for at a signed address; the gateway allows 60 to 604,800 s."""


class Client:
    """One gateway and one key. Lives in one event loop.

    Args:
        base_url: the API's base, ending in `/v1`.
        api_key: sent as a bearer token to `base_url`'s host and nowhere else; None: no token.
        clock: seconds, monotonic.
        cost_tag: begins the tag under which the gateway sums costs; "": no tag.
        rate_limiter: see `Exchange`.
        skip_cache: ask the gateway not to answer another take from its cache.
    """

    def __init__(
        self,
        base_url: str,
        api_key: ApiKey | None,
        timing: Timing | None = None,
        clock: Callable[[], float] = time.monotonic,
        cost_tag: str = "",
        rate_limiter: RateLimiter | None = None,
        *,
        skip_cache: bool = True,
    ) -> None:
        self._timing = timing or Timing()
        self.base_url = base_url
        self.clock = clock
        self.exchange = Exchange(base_url, api_key, self._timing, clock, rate_limiter)
        self._cost_tag = cost_tag
        self._skip_cache = skip_cache
        self._polled: dict[str, float] = {}

    @property
    def closed_for(self) -> float:
        """Seconds for which the gateway takes no requests, as it said; 0 if it takes them."""
        return self.exchange.closed_for

    @property
    def held_for(self) -> float:
        """Seconds for which a request waits for a slot in the account's rate."""
        return self.exchange.rate_limiter.held_for

    async def close(self) -> None:
        await self.exchange.close()

    @property
    def retries(self) -> Retries:
        """The requests that will be sent again, by job id; a submit by its `about`."""
        return self.exchange.retries

    async def submit(
        self,
        request: MusicRequest,
        *,
        idempotency_key: str,
        confirm: Callable[[], Awaitable[None]] | None = None,
        about: str = "",
    ) -> JobRecord:
        """Ask for a track: `POST /audio/music`. The cost tag names the request in its short form.

        The gateway lists the request under its `X-Request-Id`, which is the idempotency key.

        Args:
            confirm: called just before each sending; its exception stops the sending.

        Raises:
            UnreachableError, RateLimitError, ServerError (500), UnavailableError, RejectedError,
            AuthenticationError, CreditsError, ScopeError, NotFoundError: nothing was created.
            NoAnswerError, BadGatewayError, ProtocolError: a job may have been created and charged.
        """
        headers = self._submit_headers(idempotency_key)
        if self._skip_cache and request.take > 1:
            # The prompt of another take is the same: a cache would answer with the first take.
            headers["x-cache"] = "skip"
        answer = await self.exchange.send(
            "POST",
            "/audio/music",
            on_new_connection=True,
            confirm=confirm,
            json=request.body(),
            headers=headers,
            about=about,
        )
        record = self._record(answer)
        # The log of a farm outlives the disk of a worker.
        _log.info("The gateway has the job %s.", plain(record.id))
        return record

    async def ask(
        self,
        question: AnyQuestion,
        *,
        idempotency_key: str,
        confirm: Callable[[], Awaitable[None]] | None = None,
        about: str = "",
    ) -> Reply:
        """Ask a model that answers at once: `POST /chat/completions` or `/audio/transcriptions`.

        Args:
            confirm: see `submit`.

        Raises: as `submit`; a refusal of the pictures is a RejectedError.
        """
        answer = await self.exchange.send(
            "POST",
            question.path,
            on_new_connection=True,
            confirm=confirm,
            headers=self._submit_headers(idempotency_key),
            about=about,
            **question.content(),
        )
        parse = parse_transcription if question.kind == TRANSCRIBE else parse_reply
        return parse(self.exchange.json(answer), answer.headers)

    def replan(self) -> None:
        """Compute again when each waiting poll is due."""
        self.exchange.rate_limiter.replan()

    async def poll(self, job_id: str, *, due: Due | None = None) -> JobRecord | None:
        """The job's record: `GET /jobs/{id}`. None means no news (304).

        Args:
            due: wait at least until then; the job's poll floor holds in any case.

        Raises:
            StatusError, UnreachableError, NoAnswerError, ProtocolError: with the job's id.
        """
        asked = self.clock() if due is None else due
        polled = self._polled.get(job_id)
        floor = -math.inf if polled is None else polled + self._timing.poll_floor
        try:
            answer = await self.exchange.send(
                "GET",
                f"/jobs/{_path(job_id)}",
                job_id=job_id,
                due=lambda: max(moment(asked), floor),
                is_poll=True,
                is_first=polled is None,
            )
        finally:
            self._polled[job_id] = self.clock()
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return None
        return self._record(answer, job_id)

    async def cancel(self, job_id: str) -> JobRecord:
        """Ask the gateway to cancel the job; the record tells the job's state.

        The gateway cancels a queued job, and leaves a running or ended one as it is. `DELETE
        /jobs/{id}` comes first. `POST /jobs/{id}/cancel` follows if the gateway lacks that route.

        Raises:
            StatusError, UnreachableError, NoAnswerError, ProtocolError: with the job's id.
        """
        path = f"/jobs/{_path(job_id)}"
        try:
            answer = await self.exchange.send("DELETE", path, job_id=job_id)
        except (NotFoundError, RejectedError) as error:
            if error.status not in (404, 405):
                raise
            answer = await self.exchange.send("POST", f"{path}/cancel", job_id=job_id)
        if not answer.content and not answer.fault:
            return JobRecord(job_id, JobStatus.CANCELLED)
        return self._record(answer, job_id)

    async def models(self) -> list[Model]:
        """The account's music models: `GET /models?modality=music`.

        Raises:
            StatusError, UnreachableError, NoAnswerError, ProtocolError.
        """
        answer = await self.exchange.send("GET", "/models", params={"modality": "music"})
        return parse_models(self.exchange.json(answer))

    async def balance(self) -> Mapping[str, Any]:
        """The answer to `GET /balance`; its shape is not documented.

        Raises:
            StatusError, UnreachableError, NoAnswerError, ProtocolError.
        """
        body = self.exchange.json(await self.exchange.send("GET", "/balance"))
        if not isinstance(body, Mapping):
            raise ProtocolError(
                "The gateway's balance is not an object. This is a fault of the gateway."
            )
        return body

    def tag_of(self, idempotency_key: str) -> str:
        """The cost tag of a submit, at most 64 characters; "" if tags are off."""
        return f"{self._cost_tag}/{idempotency_key[:_KEY_LENGTH]}" if self._cost_tag else ""

    async def recent_usage(self) -> object:
        """The last requests of the account: `GET /usage/recent`, for `charge_in_recent`.

        Raises:
            StatusError, UnreachableError, NoAnswerError, ProtocolError.
        """
        params = {"limit": RECENT_ROWS}
        return self.exchange.json(await self.exchange.send("GET", "/usage/recent", params=params))

    async def usage_by_tag(self, month: str) -> object:
        """The sums of a month such as `2026-01`: `GET /usage/by-tag`, for `charge_by_tag`.

        Raises:
            StatusError, UnreachableError, NoAnswerError, ProtocolError.
        """
        params = {"month": month}
        return self.exchange.json(await self.exchange.send("GET", "/usage/by-tag", params=params))

    def file_address(self, url: str) -> FileAddress:
        """The download of `url`. It sends the key if the gateway's own host serves the file."""
        may_go = key_may_go_to(url, self.base_url)
        return FileAddress(url, self.exchange.authorization() if may_go else {})

    async def permitted_address(self, url: str) -> FileAddress | None:
        """Another address for a job's file whose own address needs the key; None if there is none.

        `GET /files/jobs/{id}/{name}/signed` gives a signed address: only the API gets the key.
        If the gateway lacks that route (404, 405), the live gateway's file host gets the key.

        Raises:
            StatusError, UnreachableError, NoAnswerError, ProtocolError: with the job's id.
        """
        file = job_file(url)
        if file is None:
            return None
        path = f"/files/jobs/{_path(file.job_id)}/{_path(file.name)}/signed"
        try:
            answer = await self.exchange.send(
                "GET", path, job_id=file.job_id, params={"expires_in": SIGNED_SECONDS}
            )
        except (NotFoundError, RejectedError) as error:
            if error.status not in (404, 405):
                raise
            elsewhere = key_may_go_elsewhere(url, self.base_url)
            return FileAddress(url, self.exchange.authorization()) if elsewhere else None
        signed = parse_signed(self.exchange.json(answer, file.job_id), self.base_url)
        return None if signed is None else FileAddress(signed)

    def _submit_headers(self, idempotency_key: str) -> dict[str, str]:
        tag = self.tag_of(idempotency_key)
        ids = {"Idempotency-Key": idempotency_key, "X-Request-Id": idempotency_key}
        return {**ids, "x-aig-tag": tag} if tag else ids

    def _record(self, answer: Answer, job_id: str | None = None) -> JobRecord:
        return parse_job(self.exchange.json(answer, job_id), self.base_url, answer.headers)


def _path(id: str) -> str:
    """An id as one part of a path, which every server reads as that one part.

    Raises:
        InputError: no job has such an id.
    """
    if not is_one_part(id):
        raise InputError(
            f"“{plain(id)[:80]}” is not the id of a job: expected letters, digits and signs such "
            "as - and _; copy the id again."
        )
    return quote(id, safe="")
