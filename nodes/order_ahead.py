"""Orders the music of queued runs before they run, so that the model composes meanwhile.

The setting `order_ahead` turns this on. A purchase is the same as the node's: the node then finds
the job in the ledger. Requests with an input that only the run makes are ordered in the run.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..api.base.errors import GatewayError
from . import host, session
from .error_report import report
from .pricing import requests_of_graph

if TYPE_CHECKING:
    from ..api.base.request import MusicRequest
    from ..api.money.job import Job

# In seconds. ComfyUI validates a graph before it queues it, which may read folders and files.
_VALIDATION = 60.0
_CHECK = 0.1
MOST_RUNS = 1000
"""Limit on the runs whose orders are remembered until a node asks for them."""

_ordering: set[asyncio.Task[None]] = set()


def order(graph: host.QueuedGraph) -> asyncio.Task[None]:
    """Order the music of a graph once ComfyUI has queued it, if the user wants that."""
    task = asyncio.ensure_future(_order(graph))
    _ordering.add(task)
    task.add_done_callback(_ordering.discard)
    return task


async def _order(graph: host.QueuedGraph) -> None:
    try:
        settings = await asyncio.to_thread(session.settings)
        if not settings.order_ahead or not await _is_queued(graph.run):
            return
        requests = await asyncio.to_thread(requests_of_graph, graph, only_whole=True)
        if requests:
            await _bought(graph, requests)
    except GatewayError as error:
        _tell_error(error, graph)


async def _bought(graph: host.QueuedGraph, requests: Sequence[MusicRequest]) -> None:
    settings = await asyncio.to_thread(lambda: session.settings(needs_key=True))
    account = await session.account(settings)
    names = [request.validated().fingerprint(account.name) for request in requests]
    # Noted before the purchase: a node may ask for a job meanwhile, which takes the name away.
    jobs: dict[str, Job | None] = dict.fromkeys(names)
    session.ahead[graph.run] = jobs
    for run in list(itertools.islice(session.ahead, max(0, len(session.ahead) - MOST_RUNS))):
        del session.ahead[run]
    ordered: Sequence[Job | BaseException] = []
    try:
        ordered = await account.submit_all(requests, settings, run=graph.run)
    finally:
        bought = [job for job in ordered if not isinstance(job, BaseException)]
        # A job of another run was bought before.
        new = {job.fingerprint: job for job in bought if job.run == graph.run}
        for name in list(jobs):
            if name in new:
                jobs[name] = new[name]
            else:
                del jobs[name]
        if not jobs:
            session.ahead.pop(graph.run, None)
    if jobs:
        host.tell("aigateway_ahead", summary(), graph.client)
    # A refusal of the limits is the same for all requests of a run.
    for error in [error for error in ordered if isinstance(error, GatewayError)][:1]:
        _tell_error(error, graph)


async def _is_queued(run: str) -> bool:
    """Whether ComfyUI has queued the run; waits for the end of its validation."""
    for _ in range(round(_VALIDATION / _CHECK)):
        if run in host.queued_runs():
            return True
        await asyncio.sleep(_CHECK)
    return False


def summary() -> dict[str, Any]:
    """The orders that no node has asked for yet, for the page.

    `runs`, `tracks` and `price` (US dollars) are those of runs in the queue; `kept` and
    `kept_price` the tracks of runs that were removed or stopped.
    """
    queued = host.queued_runs()
    ordered = [(run, job) for run, jobs in session.ahead.items() for job in jobs.values() if job]
    waiting = [job for run, job in ordered if run in queued]
    kept = [job for run, job in ordered if run not in queued]
    return {
        "runs": len({job.run for job in waiting}),
        "tracks": len(waiting),
        "price": sum(job.charge or 0.0 for job in waiting),
        "kept": len(kept),
        "kept_price": sum(job.charge or 0.0 for job in kept),
    }


def _tell_error(error: GatewayError, graph: host.QueuedGraph) -> None:
    host.log.warning("The music of a queued run was not ordered ahead: %s", error)
    host.tell("aigateway_error", report(error), graph.client)
