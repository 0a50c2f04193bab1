"""A TCP proxy that does harm: `soak.py --proxy` with the ports of its targets.

It prints the ports that it listens on, then obeys each line of its input: the number of a
proxy, a mode, and seconds. `swallow` drops the answer to the next COMMIT, and the connection with
it. `hang` forwards nothing for a time, then cuts. `cut` ends the connections. `delay` holds each
piece back. It prints how often each mode has hit.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections import Counter

# CommandComplete, https://www.postgresql.org/docs/current/protocol-message-formats.html
_COMMITTED = b"C\0\0\0\x0bCOMMIT\0"


class Proxy:
    """One port, in front of another one of this machine."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._writers: set[asyncio.StreamWriter] = set()
        self._swallows = 0
        self._open = asyncio.Event()
        self._open.set()
        self._delay = 0.0
        self.hits: Counter[str] = Counter()

    async def start(self) -> int:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return server.sockets[0].getsockname()[1]

    async def order(self, mode: str, seconds: float) -> None:
        if mode == "swallow":
            self._swallows += 1
        elif mode == "delay":
            self._delay = seconds
        elif mode == "hang":
            self._open.clear()
            self.hits[mode] += bool(self._writers)
            await asyncio.sleep(seconds)
            self._cut()
            self._open.set()
        elif mode == "cut":
            self.hits[mode] += bool(self._writers)
            self._cut()

    def _cut(self) -> None:
        for writer in self._writers:
            writer.close()

    async def _accept(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            to_client.close()
            return
        self._writers |= {to_client, to_server}
        both = (self._pump(client, to_server, False), self._pump(server, to_client, True))
        await asyncio.gather(*both)
        self._writers -= {to_client, to_server}

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_answer: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                await self._open.wait()
                if is_answer and self._delay:
                    await asyncio.sleep(self._delay)
                if is_answer and self._swallows and _COMMITTED in piece:
                    self._swallows -= 1
                    self.hits["swallow"] += 1
                    break
                writer.write(piece)
                await writer.drain()
        writer.close()


async def serve(targets: list[int]) -> None:
    proxies = [Proxy(target) for target in targets]
    print(json.dumps([await proxy.start() for proxy in proxies]), flush=True)
    tasks: set[asyncio.Task[None]] = set()
    while line := await asyncio.to_thread(sys.stdin.readline):
        which, mode, seconds = json.loads(line)
        if mode == "report":
            print(json.dumps(sum((proxy.hits for proxy in proxies), Counter())), flush=True)
        else:
            task = asyncio.create_task(proxies[which].order(mode, seconds))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
