"""How long an event loop was blocked, and by which line of the pack."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import FrameType

from ...scripts.lib import pack

BEAT = 0.005
BOUND = 0.050
"""Seconds that the pack may block ComfyUI's loop."""


class Heartbeat:
    """A task that wants to run each BEAT seconds.

    Attributes:
        longest: the longest time in seconds that it had to wait beyond that.
        busy: the longest time in seconds that the loop's thread computed between two beats.
        late: how many waits were longer than BOUND.
        places: for each line of the pack that ran in a long wait, the longest wait.
    """

    def __init__(self) -> None:
        self.reset()
        self._thread = 0
        self._seen = 0.0
        self._disturbances = self._clean = 0
        self._is_ignored = False
        self._ended = threading.Event()
        threading.Thread(target=self._watch, name="soak-watch", daemon=True).start()

    @contextlib.asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Beat in the running loop for the length of the block."""
        self._thread = threading.get_ident()
        task = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            task.cancel()
            self._seen = 0.0

    def reset(self) -> None:
        self.longest = 0.0
        self.busy = 0.0
        self.late = 0
        self.places: dict[str, float] = {}

    def disturbed(self) -> None:
        """Leave out the beat of this moment: the measurement itself stops all threads."""
        self._disturbances += 1

    @contextlib.contextmanager
    def ignored(self) -> Iterator[None]:
        """Leave out the beats of this block: its work takes the processor from every loop."""
        self._is_ignored = True
        try:
            yield
        finally:
            self._is_ignored = False
            self.disturbed()

    def close(self) -> None:
        self._ended.set()

    def report(self, name: str) -> str:
        """The figures in lines."""
        worst = sorted(self.places.items(), key=lambda pair: -pair[1])[:8]
        return "\n".join(
            [
                f"the loop of the {name} was late by up to {1000 * self.longest:.0f} ms, "
                f"{self.late} times by more than {1000 * BOUND:.0f} ms; it computed for up to "
                f"{1000 * self.busy:.0f} ms without a pause",
                *(f"{1000 * late:10.0f} ms {place}" for place, late in worst),
            ]
        )

    async def _beat(self) -> None:
        while True:
            began, computed = time.monotonic(), time.thread_time()
            self._seen, self._clean = began, self._disturbances
            await asyncio.sleep(BEAT)
            late = time.monotonic() - began - BEAT
            if self._is_ignored or self._clean != self._disturbances:
                continue
            self.busy = max(self.busy, time.thread_time() - computed)
            self.longest = max(self.longest, late)
            self.late += late > BOUND

    def _watch(self) -> None:
        while not self._ended.wait(2 * BEAT):
            seen = self._seen
            late = time.monotonic() - seen - BEAT
            is_clean = not self._is_ignored and self._clean == self._disturbances
            if not seen or late < BOUND / 2 or not is_clean:
                continue
            place = _place(_frame_of(self._thread))
            self.places[place] = max(self.places.get(place, 0.0), late)


_reading = threading.Lock()


def _frame_of(thread: int) -> FrameType | None:
    """The innermost frame of a thread."""
    # A collection runs Python code, and CPython 3.11 deadlocks if that happens within the call.
    with _reading:
        gc.disable()
        try:
            return sys._current_frames().get(thread)
        finally:
            gc.enable()


def _place(frame: FrameType | None) -> str:
    """The innermost line of the pack in the stack, and the innermost function of all."""
    innermost = frame.f_code.co_name if frame is not None else "no stack"
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(str(pack.ROOT)) and ".venv" not in path:
            return f"{path.removeprefix(str(pack.ROOT))[1:]}:{frame.f_lineno}, in {innermost}"
        frame = frame.f_back
    return innermost


class Idle:
    """An idle process on the same machine: the machine itself causes its longest wait."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("idle.py"))]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1)

    def reset(self) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write("reset\n")

    def longest(self) -> float:
        """Seconds since `reset`; ends the process."""
        output, _ = self._process.communicate(timeout=30)
        return float(output)
