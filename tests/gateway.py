"""A sandbox gateway and a service on it, with all times compressed alike."""

from __future__ import annotations

import contextlib
import io
import wave
from collections.abc import Iterator
from pathlib import Path

from ..api.ledger import Ledger
from ..api.service import Service
from ..api.settings import ApiKey
from ..api.timing import Timing
from ..sandbox.profile import Profile
from ..sandbox.render import MusicRequest
from ..sandbox.server import Sandbox
from ..sandbox.thread import SandboxThread

SCALE = 1 / 30
SAMPLE_RATE = 8000


def tone(request: MusicRequest) -> bytes:
    """A small WAV that differs from request to request, in no time."""
    level = request.seed % 20_000 + 100
    frames = int(request.duration * SAMPLE_RATE)
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(level.to_bytes(2, "little") * frames)
    return out.getvalue()


@contextlib.contextmanager
def running(profile: Profile | None = None) -> Iterator[Sandbox]:
    """A sandbox that serves tones on loopback."""
    sandbox = Sandbox(profile or Profile().scaled(SCALE), render=tone)
    thread = SandboxThread(sandbox)
    try:
        yield sandbox
    finally:
        thread.stop()


@contextlib.contextmanager
def service_on(
    sandbox: Sandbox,
    directory: Path,
    *,
    key: str | None = None,
    is_free: bool = False,
    timing: Timing | None = None,
) -> Iterator[Service]:
    """A service of its own, as a new ComfyUI process would have it."""
    ledger = Ledger(directory)
    service = Service(
        "test",
        sandbox.base_url,
        None if key is None else ApiKey(key, "a test"),
        ledger,
        is_free=is_free,
        timing=timing or Timing(rate_limit=600).scaled(SCALE),
    )
    try:
        yield service
    finally:
        service.close()
        ledger.close()
