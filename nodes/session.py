"""The account for the current settings. Starts the sandbox if the settings want it."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..api import settings as api_settings
from ..api.base.errors import GatewayError, InputError, SettingsError
from ..api.base.plain_text import plain
from ..api.base.request import MusicRequest
from ..api.base.timing import Timing
from ..api.settings import LIVE, OnInterrupt, Settings
from . import host
from .host import status_text

if TYPE_CHECKING:
    from ..api.account import Account
    from ..api.farm.shared_addresses import LedgerUrl
    from ..api.library import Library
    from ..api.money.job import Job
    from ..api.wire.key import ApiKey

# Limit on the characters of a track's name in a message.
_TITLE = 80
# During this delay other packs load, and the server answers the page's first requests.
_START_SECONDS = 5.0

_lock = threading.RLock()
_libraries: dict[tuple[Path, LedgerUrl | None], Library] = {}
_accounts: dict[tuple[Path, str], tuple[tuple[Any, ...], Account]] = {}
_telling: set[asyncio.Future[None]] = set()
_sandbox: tuple[str, ApiKey | None] | None = None
# For each service and node: the fingerprints of the node's requests, and the number of dead jobs
# of each request when the node first made it.
_asked: dict[tuple[str, str | None], dict[str, int]] = {}
ahead: dict[str, dict[str, Job | None]] = {}
"""For each run: the jobs that were ordered before it, by the fingerprints of their requests, until
a node asks for them. None: the request is under way."""


def settings(*, needs_key: bool = False) -> Settings:
    """The current settings. Raises SettingsError, MissingKeyError."""
    directory = host.data_directory()
    current = api_settings.load(directory)
    if needs_key:
        current.require_key(directory)
    return current


def certificate() -> str:
    """The PEM file to sign with; "" for no signature."""
    try:
        return settings().c2pa_certificate
    except SettingsError:
        return ""  # a mistake in the settings must not lose audio that was paid for


def settings_to_ask(sent: str, instead: str) -> Settings:
    """The settings for a question that sends a person's media, such as “the sound”.

    Raises:
        InputError: media may not leave this farm; the method `instead` sends nothing.
        SettingsError, MissingKeyError: nothing was sent.
    """
    current = settings(needs_key=True)
    if current.ledger_url and not current.frames_leave_farm and not current.is_sandbox:
        raise InputError(
            f"The method ask sends {sent} to a model, and this farm does not allow it: choose the "
            f"method {instead}, or set frames_leave_farm in the settings. Nothing was sent."
        )
    return current


def on_interrupt() -> str:
    """The default of `on_interrupt` for new nodes."""
    try:
        return settings().on_interrupt.value
    except SettingsError:
        return OnInterrupt.KEEP.value


def sandbox_choice(current: Settings) -> str:
    """The setting or the variable that forces the sandbox; "" if a key would leave it."""
    if current.mode is not api_settings.Mode.SANDBOX:
        return ""
    return "AIGATEWAY_MODE" if api_settings.is_from_environment("mode") else "mode"


async def account(current: Settings) -> Account:
    """The account for these settings. It fetches open jobs in the background."""
    # Opening an account imports httpx, and may wait for the ledger and for the sandbox.
    opened = await asyncio.to_thread(_account, current)
    opened.collect(current, _tell_news)
    return opened


async def collect() -> None:
    """Fetch the open jobs in the background. An account without open jobs is not opened."""
    from ..api.library import has_ledger

    current = settings()
    is_there = await asyncio.to_thread(has_ledger, host.data_directory())
    if not (is_there or current.ledger_url):
        return
    if await (await library()).has_open_jobs(current.service):
        await account(current)


def collect_at_start() -> None:
    """Run `collect` in its own thread, after ComfyUI has started."""

    def work() -> None:
        time.sleep(_START_SECONDS)
        try:
            asyncio.run(collect())
        except GatewayError as error:
            host.log.warning("Open jobs are not fetched: %s", error)

    threading.Thread(target=work, name="aigateway-start", daemon=True).start()


def _tell_news(job: Job) -> None:
    """Tell all pages that a job has ended for which no node waited."""
    if job.run in host.queued_runs() and job.fingerprint in ahead.get(job.run, {}):
        # The run will ask for it.
        return
    what = "ready" if job.state.value == "completed" else job.state.value
    title = plain(job.prompt or job.job_id or "", _TITLE)
    ended = {"what": what, "title": title, "charge": job.charge}

    async def tell() -> None:
        count = await (await library()).arrived()
        host.tell("aigateway_news", {**ended, "count": count})

    task = asyncio.ensure_future(tell())
    _telling.add(task)
    task.add_done_callback(_telling.discard)


async def library() -> Library:
    """The ledger of the current service, and the stored tracks of this machine."""
    return await asyncio.to_thread(_library, settings())


def _account(current: Settings) -> Account:
    from ..api.account import Account

    with _lock:
        library = _library(current)
        if current.store_url is not None:
            # Report an unusable bucket before any purchase.
            library.stored_tracks(current)
        if current.is_sandbox:
            base_url, key = _start_sandbox()
        else:
            current.require_encryption()
            base_url, key = current.address, current.api_key
        key_of_account = (host.data_directory(), current.service)
        identity = (base_url, key, current.cost_tag, current.skip_cache, library)
        opened = _accounts.get(key_of_account)
        if opened is not None and opened[0] == identity:
            return opened[1]
        if opened is not None:
            # The key or the address changed. Requests already sent still end in the old account.
            opened[1].retire()
        account = Account(
            current.service,
            base_url,
            key,
            library,
            timing_of(current),
            current.cost_tag,
            skip_cache=current.skip_cache,
        )
        _accounts[key_of_account] = (identity, account)
        return account


def timing_of(current: Settings) -> Timing:
    if not current.is_sandbox:
        return Timing()
    # A job takes seconds in the sandbox, and half a minute at the live gateway. A sandbox on a busy
    # machine is slow at its start, and its polls are free.
    return Timing(
        first_poll=3.0, first_poll_max=6.0, rate_limit=600, lookup_wait=0.5, lookup_patience=2.0
    )


def _library(current: Settings) -> Library:
    from ..api.library import Library

    directory = host.data_directory()
    # Other machines do not need sketches.
    url = None if current.is_sandbox else current.ledger_url
    with _lock:
        if (directory, url) not in _libraries:
            library = _libraries[directory, url] = Library(directory, ledger_url=url)
            host.log.info("The folder of the ledger, the tracks and the settings is %s.", directory)
            if library.ledger.loss:
                host.log.warning("%s", library.ledger.loss)
        return _libraries[directory, url]


def _start_sandbox() -> tuple[str, ApiKey | None]:
    global _sandbox
    if _sandbox is None:
        from ..sandbox.profile import Profile
        from ..sandbox.server import Sandbox, SandboxThread

        directory = host.data_directory()
        directory.mkdir(parents=True, exist_ok=True)
        # Other users and other programs on this machine do not know this value.
        secret = secrets.token_urlsafe(32)
        sandbox = Sandbox(Profile(key=secret), state_path=directory / "sandbox.json")
        _sandbox = SandboxThread(sandbox).base_url, api_settings.read_key(secret, "the sandbox")
        host.log.info(
            "No API key is set: the sandbox at %s answers with sketches, not with ACE-Step.",
            _sandbox[0],
        )
    return _sandbox


def model_choices() -> list[str]:
    """The account's list of models that was read last."""
    from ..api.library import model_choices

    try:
        service = settings().service
    except SettingsError:
        service = LIVE
    return model_choices(host.data_directory(), service)


async def fingerprint(inputs: Mapping[str, Any], node_id: str | None) -> str:
    """A hash of the service and of the number of dead jobs of this node's requests.

    ComfyUI stores the hash in the prompt, and so in files: it must not show the gateway's address.

    The hash is the same while the ledger would return the same jobs, so ComfyUI does not run the
    node again. Inputs from other nodes are not known here. In that case the hash counts the jobs
    of this node in this process that died later.
    """
    service = settings().service
    before = _asked.get((service, node_id), {})
    with contextlib.suppress(InputError):
        # ComfyUI gives None for an input from another node, and leaves out inputs that are not set.
        if None not in inputs.values():
            known = {name: inputs[name] for name in MusicRequest._fields if name in inputs}
            request = MusicRequest(**known).validated()
            before = {request.fingerprint(service): 0}
    dead = await (await library()).dead_attempts(before)
    return service_fingerprint(sum(dead[name] - before[name] for name in before))


def service_fingerprint(died: int = 0) -> str:
    """A hash of the service and the number of dead jobs, which a reader of a file cannot
    recover."""
    return hashlib.sha256(f"{settings().service} {died}".encode()).hexdigest()[:16]


async def remember(service: str, request: MusicRequest) -> None:
    """Record that the running node makes this request; see `fingerprint`."""
    asked = _asked.setdefault((service, host.node_id()), {})
    name = request.fingerprint(service)
    if name not in asked:
        asked[name] = (await (await library()).dead_attempts([name]))[name]


async def submit_all(
    account: Account, requests: Sequence[MusicRequest], current: Settings
) -> Sequence[Job | BaseException]:
    """As `Account.submit_all`, for the running node. The node gets the jobs that were ordered ahead
    for its run."""
    names = [request.validated().fingerprint(account.name) for request in requests]
    for run, jobs in list(ahead.items()):
        for name in names:
            jobs.pop(name, None)
        if not jobs:
            ahead.pop(run, None)
    return await account.submit_all(requests, current, run=host.run_id())


async def hints(request: MusicRequest, service: str) -> list[str]:
    """Hints on a request before its purchase, for the screen and the log."""
    lines = [
        str(status_text("ignored", model=request.model, name=name))
        for name in request.ignored_inputs()
    ]
    lines += [hint.sentence for hint in await (await library()).hints([request], service)]
    for line in lines:
        host.log.warning("%s: %s.", request.label, line)
    if lines:
        host.show_status(" · ".join(lines))
    return lines
