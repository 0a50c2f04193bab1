"""The sandbox gateway: an aiohttp server that speaks AIgateway's protocol on loopback.

From top to bottom: error answers, the rate limit, the routes, the thread.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
import threading
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from .cards import Cards, Tally
from .chat import Chat, described, read_chat
from .job_book import COMPLETED, JobBook, SandboxJob, SketchRequest, read_request
from .media import Addresses, send
from .profile import (
    AUTO_MODEL,
    CHAT_PRICES,
    OTHER_MODELS,
    PRICES,
    SPEECH_PRICES,
    FileOrigin,
    Profile,
    now,
)
from .sketches import Sketches, sketch
from .transcription import Transcriptions, read_transcription
from .usage_lists import REQUEST_ID, UsageLists

# Error answers

_KEY_EXPIRED = ("key_expired", "The API key was rotated, or has expired.")
_BUDGET_EXCEEDED = ("budget_exceeded", "The budget of this key is used up.")
_REASONS = {
    400: ("invalid_request_error", "The request is malformed."),
    401: ("authentication_error", "The API key is missing, malformed or revoked."),
    402: ("insufficient_credits", "The account has too little credit for this request."),
    403: ("scope_exceeded", "The API key may not use this model."),
    404: ("not_found", "Not found."),
    405: ("method_not_allowed", "The method is not allowed here."),
    429: ("rate_limit_error", "Too many requests."),
    500: ("server_error", "Internal error."),
    502: ("provider_error", "The provider of the model failed."),
    503: ("service_unavailable", "The service is unavailable."),
    504: ("timeout_error", "The model did not answer in time."),
}


class DroppedError(Exception):
    """The server closes the connection without an answer."""


def is_from_a_page(request: web.Request) -> bool:
    """Whether a page in a browser sends this, or the host name may belong to a stranger."""
    site = request.headers.get("Sec-Fetch-Site", "none")
    host = request.headers.get("Host", "").rpartition(":")[0]
    return site != "none" or "Origin" in request.headers or host not in ("127.0.0.1", "localhost")


@web.middleware
async def survive_hang_ups(request: web.Request, handler: Any) -> web.StreamResponse:
    """Print no traceback if a client closes its connection, which may happen at any time."""
    try:
        return await handler(request)
    except ConnectionResetError:
        return web.Response()


# The rate limit


class RollingWindow:
    """Counts the requests of the last `window` seconds.

    Args:
        limit: the number of requests allowed in `window` seconds.
        clock: returns the time in seconds.
    """

    def __init__(self, limit: int, window: float, clock: Callable[[], float]) -> None:
        self.limit = limit
        self._window = window
        self._clock = clock
        self._times: deque[float] = deque()

    def admit(self) -> bool:
        """Count one request and return True, if the limit allows it."""
        moment = self._clock()
        while self._times and self._times[0] <= moment - self._window:
            self._times.popleft()
        if len(self._times) >= self.limit:
            return False
        self._times.append(moment)
        return True

    @property
    def remaining(self) -> int:
        return self.limit - len(self._times)

    @property
    def reset(self) -> float:
        """Seconds until the oldest request leaves the window."""
        if not self._times:
            return 0.0
        return max(0.0, self._times[0] + self._window - self._clock())


# The routes

MOST_SEEN = 10_000
_SENT_ID = re.compile(r"[\w.-]{1,128}", re.ASCII)


class Seen(NamedTuple):
    """One request and the server's answer. If the server dropped the connection, status is 0."""

    time: float  # seconds since 1970
    method: str
    path: str
    status: int


class Sandbox:
    """A gateway. Call `start` in the event loop that serves it.

    Args:
        render: makes the file of a request. It blocks, so it runs in a thread.
        state_path: the file that stores the jobs, so that they survive a restart.

    Attributes:
        seen: the last requests to `/v1`, in order.
        base_url: the URL of the API. It ends in `/v1`, and is empty before `start`.
        files_root: the origin of the files. In some dialects it is not the API's origin.
    """

    def __init__(
        self,
        profile: Profile | None = None,
        *,
        render: Callable[[SketchRequest], bytes] = sketch,
        state_path: Path | None = None,
    ) -> None:
        self.profile = profile = profile or Profile()
        self.seen: list[Seen] = []
        self.base_url = ""
        self._book = JobBook(profile, state_path)
        self._window = RollingWindow(profile.limit, profile.window, now)
        self._tally = Tally()
        self._addresses = Addresses(profile)
        self._sketches = Sketches(render)
        self._runners: list[web.AppRunner] = []
        self._answers: Counter[int] = Counter()
        self._stray_keys: deque[str] = deque(maxlen=MOST_SEEN)
        self._usage = UsageLists(profile)
        self._chat = Chat(profile)
        self._speech = Transcriptions(profile)
        self.files_root = ""

    async def start(self, port: int = 0) -> str:
        """Listen on 127.0.0.1. Port 0 takes any free port. Returns the base URL.

        Raises:
            OSError: the port is in use.
        """
        self.base_url = f"{await self.listen(self.application(), port)}/v1"
        self.files_root = self.base_url.removesuffix("/v1")
        if self.profile.dialect.files.is_elsewhere:
            files = web.Application(middlewares=[survive_hang_ups, self._files_account])
            files.router.add_get("/v1/files/jobs/{id}/{filename}", self._file)
            files.router.add_get("/media/{id}/{filename}", self._media)
            self.files_root = await self.listen(files, 0)
        return self.base_url

    def application(self) -> web.Application:
        """The routes of the API's host, for any server of aiohttp."""
        app = web.Application(middlewares=[survive_hang_ups, self._account])
        app.router.add_post("/v1/audio/music", self._submit)
        app.router.add_post("/v1/chat/completions", self._ask)
        app.router.add_post("/v1/audio/transcriptions", self._transcribe)
        app.router.add_get("/v1/jobs/{id}", self._poll)
        app.router.add_delete("/v1/jobs/{id}", partial(self._cancel, by_delete=True))
        app.router.add_post("/v1/jobs/{id}/cancel", partial(self._cancel, by_delete=False))
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/balance", self._balance)
        self._usage.add_to(app.router)
        app.router.add_get("/v1/files/jobs/{id}/{filename}", self._file)
        app.router.add_get("/v1/files/jobs/{id}/{filename}/signed", self._signed)
        app.router.add_get("/media/{id}/{filename}", self._media)
        app.router.add_get("/sandbox/bill", self._bill)
        return app

    async def listen(self, app: web.Application, port: int) -> str:
        """Serve `app` on 127.0.0.1, and return its root URL."""
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        host, port = runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        self._sketches.cancel()
        for runner in self._runners:
            await runner.cleanup()

    def bill(self) -> dict[str, Any]:
        """Charged jobs and answers, their sum in US dollars, counts of requests, and stray keys.

        A stray key is the path of a request with a key, to an origin or an address that needs none.
        """
        jobs = self._book.charged()
        return {
            "jobs": [
                {
                    "id": job.id,
                    "prompt": job.request.prompt,
                    "key": job.request.key,
                    "created": job.created,
                    "ends": job.ends,
                }
                for job in jobs
            ],
            "answers": self._chat.charged() + self._speech.charged(),
            "dollars": sum(job.price for job in jobs) + self._chat.dollars + self._speech.dollars,
            "early_polls": self._answers[304],
            "rejected": self._answers[429],
            "requests": self._answers.total(),
            "stray_keys": list(self._stray_keys),
        }

    # Every request: key and rate

    @web.middleware
    async def _account(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/media/"):
            # The file's address is signed.
            return await handler(request)
        if is_from_a_page(request):
            return self._error(403)
        if not request.path.startswith("/v1/"):
            return await handler(request) if self._has_key(request) else self._error(401)
        seen_at = now()
        sent_id = request.headers.get("X-Request-Id", "")
        takes_it = self.profile.dialect.takes_request_id and _SENT_ID.fullmatch(sent_id)
        REQUEST_ID.set(sent_id if takes_it else f"req_{secrets.token_hex(8)}")
        if not self._has_key(request):
            answer: web.StreamResponse = self._error(401)
        elif not self._window.admit():
            answer = self._error(429, wait=self._window.reset)
        else:
            try:
                answer = await handler(request)
            except DroppedError:
                self._note(Seen(seen_at, request.method, request.path, 0))
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            except web.HTTPException as error:
                answer = self._error(error.status)
        self._note(Seen(seen_at, request.method, request.path, answer.status))
        if not answer.prepared:
            answer.headers["X-Request-Id"] = REQUEST_ID.get()
            answer.headers["x-ratelimit-limit-requests"] = str(self._window.limit)
            answer.headers["x-ratelimit-remaining-requests"] = str(self._window.remaining)
            answer.headers["x-ratelimit-reset-requests"] = f"{self._window.reset:.3f}"
        return answer

    @web.middleware
    async def _files_account(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """The files' own origin: record keys that it does not need; check keys that it needs."""
        given = request.headers.get("Authorization")
        wants_key = self.profile.dialect.files is FileOrigin.ELSEWHERE_KEYED
        is_file = request.path.startswith("/v1/files/")
        if given is not None and not (wants_key and is_file):
            self._stray_keys.append(request.path)
        if is_file and (given is None or given != f"Bearer {self.profile.key}"):
            return self._error(401)
        return await handler(request)

    def _note(self, seen: Seen) -> None:
        self._answers[seen.status] += 1
        self.seen.append(seen)
        if len(self.seen) > MOST_SEEN:
            del self.seen[: MOST_SEEN // 2]

    def _has_key(self, request: web.Request) -> bool:
        if self.profile.key is None:
            return True
        given = request.headers.get("Authorization", "").encode("utf-8", "replace")
        return hmac.compare_digest(given, f"Bearer {self.profile.key}".encode())

    def _error(
        self, status: int, *, wait: float | None = None, reason: tuple[str, str] | None = None
    ) -> web.Response:
        """An error in the dialect's shape.

        Args:
            wait: seconds of the header Retry-After.
            reason: the error's word and message; None uses the pair in `_REASONS`.
        """
        word, message = reason or _REASONS.get(status, ("error", "The request failed."))
        code = status if self.profile.dialect.numeric_error_code else word
        body = {"message": message, "type": word, "code": code, "param": None}
        headers = {} if wait is None else {"Retry-After": f"{max(wait, 0.001):.3f}"}
        return web.json_response({"error": body}, status=status, headers=headers)

    def _refused(
        self, cards: Cards, faults: tuple[str, ...], scope: str
    ) -> web.StreamResponse | None:
        """The error of the first of these cards that applies to this request, or None.

        Raises:
            DroppedError: the card drops the connection.
        """
        for name in faults:
            if self._tally.strikes(cards, name, scope):
                fault = name.removeprefix("poll-")
                if fault == "drop":
                    raise DroppedError
                wait = self.profile.retry_after if fault == "429" else None
                if fault.isdigit():
                    return self._error(int(fault), wait=wait)
                return web.Response(text="<html>We are improving</html>", content_type="text/html")
        return None

    # Submit

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        asked = await read_request(request)
        if asked is None:
            return self._error(400)
        cards, scope = Cards.of(asked.prompt), asked.key or asked.prompt
        for status in (400, 401, 402, 403, 404):
            if cards.has(str(status)):
                is_expired = cards.values[str(status)] == "expired"
                return self._error(status, reason=_KEY_EXPIRED if is_expired else None)
        if cards.has("budget"):
            return self._error(402, reason=_BUDGET_EXCEEDED)
        if asked.model not in PRICES:
            return self._error(404)
        if refused := self._refused(cards, ("429", "500", "503"), scope):
            return refused
        if self.profile.credit - self.bill()["dollars"] < (PRICES[asked.model] or 0):
            return self._error(402)
        if self._sketches.waiting >= self.profile.max_waiting:
            return self._error(429, wait=self.profile.retry_after)
        is_cached = self.profile.dialect.caches and request.headers.get("x-cache") != "skip"
        job = self._book.create(asked, is_cached=is_cached)
        self._usage.note(request, job)
        self._sketches.start(job)
        if lost := self._refused(cards, ("502", "504", "drop", "html"), scope):
            return lost
        record = self._record(job)
        if self._tally.strikes(cards, "noid", scope):
            del record["id"]
        return web.json_response(record, status=self.profile.dialect.submit_status)

    # Answers at once

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        asked = await read_chat(request)
        if asked is None:
            return self._error(400)
        status, reason = self._chat.refusal(asked)
        return self._answered(
            asked.cards,
            asked.key or asked.words,
            self._error(status, reason=reason) if status else None,
            lambda: self._chat.answer(asked, described),
        )

    async def _transcribe(self, request: web.Request) -> web.StreamResponse:
        asked = await read_transcription(request)
        if asked is None:
            return self._error(400)
        sung = await asyncio.to_thread(asked.sung, list(self._book))
        refused = None if asked.model in SPEECH_PRICES else self._error(404)
        return self._answered(
            sung.cards, asked.key, refused, lambda: self._speech.answer(asked, sung)
        )

    def _answered(
        self,
        cards: Cards,
        scope: str,
        refusal: web.Response | None,
        answer: Callable[[], dict[str, Any]],
    ) -> web.StreamResponse:
        """An answer at once, or the fault that the cards name."""
        for status in (400, 401, 402, 403, 404):
            if cards.has(str(status)):
                return self._error(status)
        if cards.has("budget"):
            return self._error(402, reason=_BUDGET_EXCEEDED)
        if refusal is not None:
            return refusal
        if refused := self._refused(cards, ("429", "500", "503"), scope):
            return refused
        if self.profile.credit <= self.bill()["dollars"]:
            return self._error(402)
        made = answer()
        if lost := self._refused(cards, ("502", "504", "drop", "html"), scope):
            return lost
        if self._tally.strikes(cards, "long", scope):
            return web.json_response({**made, "padding": "x" * 5_000_000})
        return web.json_response(made)

    # Jobs

    async def _poll(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        cards, moment = job.cards, now()
        if job.polled is not None and moment - job.polled < self.profile.poll_floor:
            return web.Response(status=304)
        job.polled = moment
        faults = ("poll-404", "poll-429", "poll-500", "poll-503", "poll-html", "poll-drop")
        if refused := self._refused(cards, faults, job.id):
            return refused
        if job.broken is None:
            self._sketches.start(job)
        return web.json_response(self._record(job))

    async def _cancel(self, request: web.Request, *, by_delete: bool) -> web.StreamResponse:
        job = self._job(request)
        if by_delete != self.profile.dialect.cancel_by_delete:
            return self._error(405 if by_delete else 404)
        self._book.cancel(job)
        return web.json_response(self._record(job))

    def _job(self, request: web.Request) -> SandboxJob:
        job = self._book.get(request.match_info["id"])
        if job is None:
            raise web.HTTPNotFound
        return job

    def _record(self, job: SandboxJob) -> dict[str, Any]:
        moment, url = now(), None
        if job.state(moment) == COMPLETED and not self._tally.strikes(job.cards, "nofile", job.id):
            url = self._addresses.fresh(job, self.files_root)
        return job.record(moment, url, self.profile)

    # Files

    async def _signed(self, request: web.Request) -> web.StreamResponse:
        if self.profile.dialect.files is FileOrigin.ELSEWHERE_KEYED:
            return self._error(404)
        url = self._addresses.signed(self._job(request), self.files_root)
        return web.json_response({"url": url, "expires_at": now() + 3600})

    async def _media(self, request: web.Request) -> web.StreamResponse:
        if "Authorization" in request.headers:
            self._stray_keys.append(request.path)
        if not self._addresses.is_valid(self._job(request), request.query):
            return web.Response(status=403, text="This address has expired.")
        return await self._file(request)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        try:
            content = await asyncio.shield(self._sketches.start(job))
        except Exception:
            return self._error(500)
        return await send(request, job, content, self._tally)

    # The account

    async def _models(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("modality") == "vision":
            return web.json_response({"object": "list", "data": _vision_models()})
        listed = {**self.profile.listed, **dict.fromkeys((AUTO_MODEL, *OTHER_MODELS))}
        data = [
            {
                "id": id,
                "object": "model",
                "modality": "music",
                "pricing": {} if price is None else {"per_second": price},
            }
            for id, price in listed.items()
        ]
        return web.json_response({"object": "list", "data": data})

    async def _balance(self, request: web.Request) -> web.StreamResponse:
        left = self.profile.credit - self.bill()["dollars"]
        return web.json_response({"object": "balance", "currency": "usd", "balance": left})

    async def _bill(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(self.bill())


def _vision_models() -> list[dict[str, Any]]:
    return [
        {
            "id": id,
            "object": "model",
            "modality": "vision",
            "pricing": {"input_per_million": came, "output_per_million": left},
        }
        for id, (came, left) in CHAT_PRICES.items()
    ]


# The thread


class SandboxThread:
    """A sandbox with an event loop of its own, because ComfyUI's loops end with each prompt.

    The sandbox and its loop run until `stop` or the end of the process.

    Raises:
        OSError: the port is in use.
    """

    def __init__(self, sandbox: Sandbox, port: int = 0) -> None:
        self.sandbox = sandbox
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="aigateway-sandbox", daemon=True
        )
        self._thread.start()
        self.base_url = asyncio.run_coroutine_threadsafe(sandbox.start(port), self._loop).result()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.sandbox.stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
