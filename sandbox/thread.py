"""The sandbox in a thread with its own event loop: the loops of ComfyUI end with each prompt."""

from __future__ import annotations

import asyncio
import threading

from .server import Sandbox


class SandboxThread:
    """Starts a sandbox and its event loop. Both run until `stop` or the end of the process.

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
