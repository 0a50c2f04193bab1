"""The sandbox gateway in a process of its own, for tests and benchmarks."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from typing import Any

from ..scripts.lib import pack

COMMAND = pack.ROOT / "tests" / "sandbox" / "serve.py"
# A proxy from the environment must not get requests to this machine.
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class SandboxProcess:
    """A running sandbox; `base_url` ends in `/v1`.

    Args:
        arguments: as on the command line of tests/sandbox/serve.py.

    Raises:
        OSError: it did not start; its own error is on stderr.
    """

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, str(COMMAND), *arguments]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        output = self._process.stdout
        self.base_url = output.readline().strip() if output is not None else ""
        if not self.base_url:
            self.kill()
            raise OSError("The sandbox did not start.")

    def bill(self) -> dict[str, Any]:
        """The sandbox's own count of charges and requests, see `Sandbox.bill`."""
        return bill(self.base_url)

    def kill(self) -> None:
        """Kill the process without a shutdown. With `--state` another sandbox can continue."""
        self._process.kill()
        self._process.communicate()


def get(url: str, key: str | None = None) -> bytes:
    """The body that a URL on this machine answers with."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(url, headers=headers)  # noqa: S310
    with _NO_PROXY.open(request, timeout=30) as answer:
        return answer.read()


def bill(base_url: str) -> dict[str, Any]:
    """The count of charges and requests of the sandbox at `base_url`, see `Sandbox.bill`."""
    return json.loads(get(f"{base_url.removesuffix('/v1')}/sandbox/bill"))


@contextlib.contextmanager
def sandbox_process(*arguments: str) -> Iterator[SandboxProcess]:
    """Run a sandbox in another process for the length of a `with` block."""
    process = SandboxProcess(*arguments)
    try:
        yield process
    finally:
        process.kill()
