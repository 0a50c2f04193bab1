"""The usage lists: the last requests of the account, and the costs for each tag."""

from __future__ import annotations

import re
import time
from collections import deque
from contextvars import ContextVar
from typing import Any, NamedTuple

from aiohttp import web

from .job_book import SandboxJob
from .profile import Profile, now

_MOST = 10_000
_NUMBER = re.compile(r"[0-9]{1,4}", re.ASCII)
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}", re.ASCII)
REQUEST_ID: ContextVar[str] = ContextVar("request_id")
"""The id of the HTTP request that the current handler answers."""


class _Use(NamedTuple):
    request_id: str
    tag: str
    job: SandboxJob
    created: float
    listed: float


class UsageLists:
    """The submits to this process. A repeat with the same idempotency key costs nothing."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._uses: deque[_Use] = deque(maxlen=_MOST)

    def add_to(self, router: web.UrlDispatcher) -> None:
        """Add the routes that the dialect has."""
        handlers = {"recent": self._recent, "by-tag": self._by_tag}
        for route in self._profile.dialect.usage_routes:
            router.add_get(f"/v1/usage/{route}", handlers[route])

    def note(self, request: web.Request, job: SandboxJob) -> None:
        """Add a submit that created `job`, or found it by its idempotency key, to the lists."""
        moment = now()
        delay = 0.0 if job.cards.has("listed") else self._profile.usage_delay
        tag = request.headers.get("x-aig-tag", "")
        self._uses.append(_Use(REQUEST_ID.get(), tag, job, moment, moment + delay))

    def _listed(self) -> list[_Use]:
        moment = now()
        return [use for use in reversed(self._uses) if use.listed <= moment]

    def _cost(self, use: _Use) -> float:
        """The cost in cents. Only the first submit of a job has a cost."""
        first = next(one for one in self._uses if one.job is use.job)
        is_charged = use is first and use.job.is_charged(now())
        return use.job.price * 100 if is_charged else 0.0

    async def _recent(self, request: web.Request) -> web.Response:
        limit = request.query.get("limit", "100")
        if not _NUMBER.fullmatch(limit):
            raise web.HTTPBadRequest
        return self._answer(
            [
                {
                    "request_id": use.request_id,
                    "model": use.job.request.model,
                    "status": use.job.state(now()),
                    "cost_cents": self._cost(use),
                    self._profile.dialect.usage_label: use.tag,
                    "created_at": int(use.created),
                }
                for use in self._listed()[: int(limit)]
            ]
        )

    async def _by_tag(self, request: web.Request) -> web.Response:
        month = request.query.get("month", "")
        if not _MONTH.fullmatch(month):
            raise web.HTTPBadRequest
        sums: dict[str, dict[str, Any]] = {}
        for use in self._listed():
            if time.strftime("%Y-%m", time.gmtime(use.created)) == month:
                row = {self._profile.dialect.usage_label: use.tag, "cost_cents": 0, "requests": 0}
                row = sums.setdefault(use.tag, row)
                row["cost_cents"] += self._cost(use)
                row["requests"] += 1
        return self._answer(list(sums.values()))

    def _answer(self, rows: list[dict[str, Any]]) -> web.Response:
        is_bare = self._profile.dialect.usage_is_bare
        return web.json_response(rows if is_bare else {"object": "list", "data": rows})
