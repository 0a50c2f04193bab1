"""Joins the layers: which service answers, with which settings, starting the sandbox if need be."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..api import settings as api_settings
from ..api.errors import InputError, SettingsError
from ..api.protocol import MusicRequest
from ..api.settings import LIVE_BASE_URL, ApiKey, Mode, OnInterrupt, Settings
from ..api.timing import Timing
from . import host

if TYPE_CHECKING:
    from ..api.ledger import Job, Ledger
    from ..api.service import Service

SANDBOX = "sandbox"
LIVE = "live"
SANDBOX_STATUS = "sandbox sketch: set a key in Settings > AIgateway"

_lock = threading.RLock()
_ledgers: dict[Path, Ledger] = {}
_services: dict[tuple[str, str, ApiKey | None], Service] = {}
_sandbox_url: str | None = None


def settings() -> Settings:
    """The settings as they are now. Raises SettingsError."""
    return api_settings.load(host.data_directory())


def on_interrupt() -> str:
    """What an interrupt does to a job where a node is not told otherwise."""
    try:
        return settings().on_interrupt.value
    except SettingsError:
        return OnInterrupt.KEEP.value


def service_name(current: Settings) -> str:
    """How the ledger calls the service that answers with these settings."""
    if current.is_sandbox:
        return SANDBOX
    base_url = current.base_url or LIVE_BASE_URL
    return LIVE if base_url == LIVE_BASE_URL else base_url


def require_key(current: Settings) -> None:
    """Raises MissingKeyError where the live service would be asked without a key."""
    if current.mode is Mode.LIVE or service_name(current) == LIVE:
        current.require_key(host.data_directory())


def service(current: Settings) -> Service:
    """The service that answers with these settings, ready to use."""
    # httpx and SQLite are not loaded before somebody makes music.
    from ..api.service import Service
    from ..api.store import GIGABYTE

    name = service_name(current)
    with _lock:
        base_url = _start_sandbox() if name == SANDBOX else current.base_url or LIVE_BASE_URL
        key = None if name == SANDBOX else current.api_key
        found = _services.get((name, base_url, key))
        if found is None:
            is_free = name == SANDBOX
            found = _services[name, base_url, key] = Service(
                name,
                base_url,
                key,
                ledger(),
                is_free=is_free,
                timing=_timing(is_free),
            )
        found.store.limit_bytes = current.store_limit_gb * GIGABYTE
        return found


def _timing(is_free: bool) -> Timing:
    # Sketches take seconds, where a model takes half a minute.
    return Timing(first_poll=3.0, rate_limit=600) if is_free else Timing()


def ledger() -> Ledger:
    """The ledger of this ComfyUI, made if need be."""
    from ..api.ledger import Ledger

    directory = host.data_directory()
    with _lock:
        if directory not in _ledgers:
            _ledgers[directory] = Ledger(directory)
        return _ledgers[directory]


def _start_sandbox() -> str:
    global _sandbox_url
    if _sandbox_url is None:
        from ..sandbox.server import Sandbox
        from ..sandbox.thread import SandboxThread

        directory = host.data_directory()
        directory.mkdir(parents=True, exist_ok=True)
        sandbox = Sandbox(state_path=directory / "sandbox.json")
        _sandbox_url = SandboxThread(sandbox).base_url
        host.log.info(
            "No API key: AIgateway's sandbox answers on %s with sketches, not ACE-Step.",
            _sandbox_url,
        )
    return _sandbox_url


def model_choices() -> list[str]:
    """The models to choose from: what the account's catalogue had when it was last read."""
    from ..api.pricing import Catalogue

    try:
        name = service_name(settings())
    except SettingsError:
        name = LIVE
    return Catalogue(host.data_directory(), name).models()


def fingerprint(inputs: Mapping[str, Any]) -> str:
    """What a request re-attaches to: the service, and how often the request came to nothing.

    It stays the same as long as the same job would be handed out again, so that nothing is run
    twice. Inputs that come from other nodes are not known here; then every request that came to
    nothing counts, and re-running costs nothing where the job is alive.
    """
    name = service_name(settings())
    values = [inputs.get(field) for field in MusicRequest._fields]
    request = None
    if None not in values:
        with contextlib.suppress(InputError):
            request = MusicRequest._make(values).validated()
    return f"{name} {ledger().dead_attempts(name, request)}"


def stored_track(job: Job) -> Path | None:
    """The file of a job on this machine, None where it is not here (any more)."""
    from ..api.store import FOLDER, GIGABYTE, Store

    store = Store(host.data_directory() / FOLDER, settings().store_limit_gb * GIGABYTE)
    return store.path(job.file) if job.file else None


def warn_of_ignored_inputs(request: MusicRequest) -> None:
    """Say, before anything is spent, which inputs the model pays no attention to."""
    from ..api.pricing import ignored_inputs

    for name in ignored_inputs(request):
        line = f"{request.model} ignores {name}"
        host.log.warning("%s.", line)
        host.show_status(line)


def show_job(service: Service, job: Job) -> None:
    """The status line of a job that was asked for, which says so where a sandbox answers."""
    notice = f" · {SANDBOX_STATUS}" if service.name == SANDBOX else ""
    host.show_status(f"job {job.remote_id}{notice}")
