"""The sandbox gateway: an aiohttp server that speaks AIgateway's protocol on loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from .cards import Cards, Tally
from .jobs import COMPLETED, JobBook, SandboxJob
from .media import Signer, send
from .profile import PRICES, Profile
from .rates import RollingWindow
from .render import Order, sketch

_REASONS = {
    400: ("invalid_request_error", "The request is malformed."),
    401: ("authentication_error", "Missing, malformed or revoked key."),
    402: ("insufficient_credits", "Not enough credit for this request."),
    403: ("scope_exceeded", "The key may not use this model."),
    404: ("not_found", "No such thing."),
    405: ("method_not_allowed", "Not this way."),
    429: ("rate_limit_error", "Too many requests."),
    500: ("server_error", "Internal error."),
    502: ("bad_gateway", "Bad gateway."),
    503: ("service_unavailable", "Closed for the moment."),
    504: ("gateway_timeout", "Gateway time-out."),
}


class Seen(NamedTuple):
    """One request as the server saw it; status 0 where the connection was dropped."""

    time: float
    method: str
    path: str
    status: int


class DroppedError(Exception):
    """The connection is to be closed without an answer."""


@web.middleware
async def _forgiving(request: web.Request, handler: Any) -> web.StreamResponse:
    """Clients may hang up at any time, which is no fault to print a traceback about."""
    try:
        return await handler(request)
    except ConnectionResetError:
        return web.Response()


class Sandbox:
    """A gateway; `start` it in the event loop that is to serve it.

    Args:
        render: makes the file of an order; blocking, called in a thread.
        state_path: a file that lets a sandbox that is started again know its jobs.

    Attributes:
        seen: every request, for whoever wants to count.
    """

    def __init__(
        self,
        profile: Profile | None = None,
        *,
        render: Callable[[Order], bytes] = sketch,
        state_path: Path | None = None,
    ) -> None:
        self.profile = profile = profile or Profile()
        self.seen: list[Seen] = []
        self._render = render
        self._book = JobBook(profile, state_path)
        self._window = RollingWindow(profile.limit, profile.window, time.time)
        self._tally = Tally()
        self._signer = Signer()
        self._polled: dict[str, float] = {}
        self._signed: set[str] = set()
        self._rendering: dict[str, asyncio.Task[bytes]] = {}
        self._one_at_a_time = asyncio.Semaphore(1)
        self._runner: web.AppRunner | None = None
        self.base_url = ""

    async def start(self, port: int = 0) -> str:
        """Listen on 127.0.0.1, on a free port unless one is given. Returns the base URL."""
        app = web.Application(middlewares=[_forgiving, self._account])
        app.router.add_post("/v1/audio/music", self._submit)
        app.router.add_get("/v1/jobs/{id}", self._get_job)
        app.router.add_delete("/v1/jobs/{id}", partial(self._cancel, by_delete=True))
        app.router.add_post("/v1/jobs/{id}/cancel", partial(self._cancel, by_delete=False))
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/v1/balance", self._balance)
        app.router.add_get("/v1/files/jobs/{id}/{filename}", self._file)
        app.router.add_get("/media/{id}/{filename}", self._media)
        app.router.add_get("/sandbox/bill", self._bill)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.base_url = f"http://{host}:{port}/v1"
        return self.base_url

    async def stop(self) -> None:
        for task in self._rendering.values():
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()

    def bill(self) -> dict[str, Any]:
        """What a client really cost: its charged jobs, and their sum in US dollars."""
        jobs = self._book.charged()
        return {
            "jobs": [
                {
                    "id": job.id,
                    "prompt": job.order.prompt,
                    "key": job.order.key,
                    "ends": job.ends,
                }
                for job in jobs
            ],
            "dollars": sum(job.price for job in jobs),
            "early_polls": sum(seen.status == 304 for seen in self.seen),
            "rejected": sum(seen.status == 429 for seen in self.seen),
            "requests": len(self.seen),
        }

    # What every request goes through

    @web.middleware
    async def _account(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if not request.path.startswith("/v1/"):
            return await handler(request)
        key = self.profile.key
        seen_at = time.time()
        if key is not None and request.headers.get("Authorization") != f"Bearer {key}":
            answer: web.StreamResponse = self._error(401)
        elif not self._window.admit():
            answer = self._error(429, wait=self._window.reset)
        else:
            try:
                answer = await handler(request)
            except DroppedError:
                self.seen.append(Seen(seen_at, request.method, request.path, 0))
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            except web.HTTPException as error:
                answer = self._error(error.status)
        self.seen.append(Seen(seen_at, request.method, request.path, answer.status))
        if not answer.prepared:
            answer.headers["x-ratelimit-limit-requests"] = str(self._window.limit)
            answer.headers["x-ratelimit-remaining-requests"] = str(self._window.remaining)
            answer.headers["x-ratelimit-reset-requests"] = f"{self._window.reset:.3f}"
        return answer

    def _error(self, status: int, *, wait: float | None = None) -> web.Response:
        word, message = _REASONS.get(status, ("error", "Something is wrong."))
        code = status if self.profile.dialect.numeric_error_code else word
        error = {"message": message, "type": word, "code": code, "param": None}
        headers = {} if wait is None else {"Retry-After": f"{max(wait, 0.001):.3f}"}
        return web.json_response({"error": error}, status=status, headers=headers)

    # Submit

    async def _submit(self, request: web.Request) -> web.StreamResponse:
        order = await self._order(request)
        if order is None:
            return self._error(400)
        cards, scope = Cards.of(order.prompt), order.key or order.prompt
        for status in (400, 401, 402, 403, 404):
            if cards.has(str(status)):
                return self._error(status)
        if order.model not in PRICES:
            return self._error(404)
        if self._tally.strikes(cards, "429", scope):
            return self._error(429, wait=self.profile.retry_after)
        for status in (500, 503):
            if self._tally.strikes(cards, str(status), scope):
                return self._error(status)
        if self.profile.credit - self.bill()["dollars"] < (PRICES[order.model] or 0):
            return self._error(402)
        job, _ = self._book.create(order)
        self._start_rendering(job)
        for status in (502, 504):
            if self._tally.strikes(cards, str(status), scope):
                return self._error(status)
        if self._tally.strikes(cards, "drop", scope):
            raise DroppedError
        if self._tally.strikes(cards, "html", scope):
            return web.Response(text="<html>We are improving</html>", content_type="text/html")
        record = job.record(time.time(), self._url(job), self.profile)
        if self._tally.strikes(cards, "noid", scope):
            del record["id"]
        return web.json_response(record, status=self.profile.dialect.submit_status)

    async def _order(self, request: web.Request) -> Order | None:
        """The order, None where the body is none. The model's range clamps the duration."""
        try:
            body = await request.json()
            prompt = body["prompt"]
            duration = float(body.get("duration", 60.0))
            format = body.get("format", "mp3")
            if not isinstance(prompt, str) or not prompt or format not in ("mp3", "wav"):
                return None
            return Order(
                prompt=prompt,
                duration=min(max(duration, 5.0), 240.0),
                lyrics=str(body.get("lyrics") or ""),
                format=format,
                model=str(body.get("model") or next(iter(PRICES))),
                key=request.headers.get("Idempotency-Key", ""),
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    # Jobs

    async def _get_job(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        cards, now = job.cards, time.time()
        polled = self._polled.get(job.id)
        if polled is not None and now - polled < self.profile.poll_floor:
            return web.Response(status=304)
        self._polled[job.id] = now
        if self._tally.strikes(cards, "poll-404", job.id):
            return self._error(404)
        if self._tally.strikes(cards, "poll-429", job.id):
            return self._error(429, wait=self.profile.retry_after)
        for status in (500, 503):
            if self._tally.strikes(cards, f"poll-{status}", job.id):
                return self._error(status)
        if self._tally.strikes(cards, "poll-html", job.id):
            return web.Response(text="<html>We are improving</html>", content_type="text/html")
        if self._tally.strikes(cards, "poll-drop", job.id):
            raise DroppedError
        self._start_rendering(job)
        return web.json_response(job.record(time.time(), self._url(job), self.profile))

    async def _cancel(self, request: web.Request, *, by_delete: bool) -> web.StreamResponse:
        job = self._job(request)
        if by_delete != self.profile.dialect.cancel_by_delete:
            return self._error(405 if by_delete else 404)
        self._book.cancel(job)
        return web.json_response(job.record(time.time(), self._url(job), self.profile))

    def _job(self, request: web.Request) -> SandboxJob:
        job = self._book.get(request.match_info["id"])
        if job is None:
            raise web.HTTPNotFound
        return job

    # Files

    def _url(self, job: SandboxJob) -> str | None:
        """A fresh address of the job's file, once there is one."""
        if job.state(time.time()) != COMPLETED:
            return None
        root = self.base_url.removesuffix("/v1")
        if self.profile.dialect.files_behind_key:
            return f"{root}/v1/files/jobs/{job.id}/{job.filename}"
        expires = time.time() + self.profile.url_lifetime
        if job.cards.has("expire") and job.id not in self._signed:
            expires = time.time()
        self._signed.add(job.id)
        return f"{root}/media/{job.id}/{job.filename}?{self._signer.query(job.id, expires)}"

    async def _media(self, request: web.Request) -> web.StreamResponse:
        job, query = self._job(request), request.query
        if not self._signer.is_valid(job.id, query.get("expires", ""), query.get("signature", "")):
            return web.Response(status=403, text="This address has expired.")
        return await self._file(request)

    async def _file(self, request: web.Request) -> web.StreamResponse:
        job = self._job(request)
        try:
            content = await asyncio.shield(self._start_rendering(job))
        except Exception:
            return self._error(500)
        return await send(request, job, content, self._tally)

    def _start_rendering(self, job: SandboxJob) -> asyncio.Task[bytes]:
        task = self._rendering.get(job.id)
        if task is None:
            task = self._rendering[job.id] = asyncio.ensure_future(self._make_file(job))
            # A rendering nobody fetches must not complain when the loop ends.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _make_file(self, job: SandboxJob) -> bytes:
        order = job.order
        if job.cards.has("short"):
            order = order._replace(duration=max(5.0, order.duration / 2))
        async with self._one_at_a_time:
            try:
                content = await asyncio.to_thread(self._render, order)
            except Exception as error:
                job.broken = f"The sandbox could not compose this: {error}"
                raise
        job.rendered = True
        return content

    # The account

    async def _models(self, request: web.Request) -> web.StreamResponse:
        data = [
            {
                "id": id,
                "object": "model",
                "modality": "music",
                "pricing": {} if price is None else {"per_second": price},
            }
            for id, price in PRICES.items()
        ]
        return web.json_response({"object": "list", "data": data})

    async def _balance(self, request: web.Request) -> web.StreamResponse:
        spent = self.bill()["dollars"]
        return web.json_response(
            {"object": "balance", "currency": "usd", "balance": self.profile.credit - spent}
        )

    async def _bill(self, request: web.Request) -> web.StreamResponse:
        return web.Response(text=json.dumps(self.bill()), content_type="application/json")
