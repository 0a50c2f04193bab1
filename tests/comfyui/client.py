"""What a browser does with ComfyUI: queue a graph, follow its events, fetch its files."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp

Prompt = Mapping[str, Mapping[str, Any]]
END_WITHIN = 120.0


class RefusedError(Exception):
    """ComfyUI did not queue the graph; the arguments are its answer."""


class Event(NamedTuple):
    kind: str
    data: dict[str, Any]


When = Callable[[Event], bool]


class Outcome(NamedTuple):
    events: list[Event]
    outputs: dict[str, Any]

    @property
    def ending(self) -> Event:
        """execution_success, execution_error or execution_interrupted."""
        endings = ("execution_success", "execution_error", "execution_interrupted")
        return next(event for event in self.events if event.kind in endings)

    @property
    def executed(self) -> list[str]:
        """The nodes that ran, in order."""
        return [e.data["node"] for e in self.events if e.kind == "executing" and e.data["node"]]


class Browser:
    """One client of one ComfyUI, with its websocket open."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        socket: aiohttp.ClientWebSocketResponse[bool],
        client_id: str,
    ) -> None:
        self._session = session
        self._socket = socket
        self._id = client_id

    async def node_info(self) -> dict[str, Any]:
        return await self.get("/object_info")

    async def run(
        self,
        prompt: Prompt,
        interrupt_when: When = lambda event: False,
        *,
        within: float = END_WITHIN,
    ) -> Outcome:
        """Queue a graph and follow it to its end; interrupt it at the first such event.

        Raises RefusedError if it is not queued, TimeoutError if it does not end.
        """
        return await asyncio.wait_for(self._run(prompt, interrupt_when), within)

    async def free(self) -> None:
        """Have ComfyUI forget the results it keeps; it does so when it is next idle."""
        async with self._session.post("/free", json={"free_memory": True}) as response:
            response.raise_for_status()

    async def upload(self, name: str, content: bytes) -> None:
        """Put a file into ComfyUI's input folder."""
        form = aiohttp.FormData()
        form.add_field("image", content, filename=name)
        form.add_field("overwrite", "true")
        async with self._session.post("/upload/image", data=form) as response:
            response.raise_for_status()

    async def view(self, file: Mapping[str, str]) -> bytes:
        """The bytes of a file as the history names it."""
        async with self._session.get("/view", params=dict(file)) as response:
            response.raise_for_status()
            return await response.read()

    async def queue(self, prompt: Prompt) -> str:
        """Queue a graph, and return the id of its run. Raises RefusedError."""
        body = {"prompt": prompt, "client_id": self._id}
        async with self._session.post("/prompt", json=body) as response:
            answer = await response.json()
            if response.status != 200:
                raise RefusedError(answer)
        return answer["prompt_id"]

    async def unqueue(self, run: str) -> None:
        """Remove a run from the queue."""
        async with self._session.post("/queue", json={"delete": [run]}) as response:
            response.raise_for_status()

    async def follow(self, run: str, interrupt_when: When = lambda event: False) -> Outcome:
        """Follow a run to its end; interrupt it at the first such event."""
        events: list[Event] = []
        interrupted = False
        async for event in self._events(run):
            events.append(event)
            if not interrupted and interrupt_when(event):
                interrupted = True
                async with self._session.post("/interrupt") as response:
                    response.raise_for_status()
        history = await self.get(f"/history/{run}")
        return Outcome(events, history[run]["outputs"])

    async def _run(self, prompt: Prompt, interrupt_when: When) -> Outcome:
        return await self.follow(await self.queue(prompt), interrupt_when)

    async def _events(self, prompt_id: str) -> AsyncIterator[Event]:
        """Every event of one graph, until ComfyUI has put it in the history."""
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            event = json.loads(message.data)
            data = event.get("data", {})
            if data.get("prompt_id", prompt_id) != prompt_id:
                continue
            yield Event(event["type"], data)
            if event["type"] == "executing" and data["node"] is None:
                return

    async def get(self, path: str) -> Any:
        """The JSON that a route answers with."""
        async with self._session.get(path, headers={"X-AIgateway-Page": "1"}) as response:
            response.raise_for_status()
            return await response.json()


@asynccontextmanager
async def browse(url: str) -> AsyncIterator[Browser]:
    """A client of the ComfyUI at `url`."""
    client_id = uuid.uuid4().hex
    async with (
        aiohttp.ClientSession(url) as session,
        session.ws_connect("/ws", params={"clientId": client_id}, max_msg_size=0) as socket,
    ):
        yield Browser(session, socket, client_id)
