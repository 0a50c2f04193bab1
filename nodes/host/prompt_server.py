"""ComfyUI's server for the browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiohttp import web


def server_routes() -> web.RouteTableDef | None:
    """The table for more routes in ComfyUI's server; None in a host without a server."""
    from server import PromptServer

    routes = getattr(PromptServer.instance, "routes", None)
    # A host without a server may have something else under this name.
    return routes if type(routes).__name__ == "RouteTableDef" else None


def listening_names() -> frozenset[str]:
    """The addresses and names that ComfyUI was told to listen on."""
    from comfy.cli_args import args

    listen = str(getattr(args, "listen", "") or "")
    return frozenset(each.strip().lower() for each in listen.split(",") if each.strip())


def tell(event: str, data: Mapping[str, Any], client: str | None = None) -> None:
    """Send an event to the page of a client, or to all pages; nothing in a host without a server.

    Safe to call from any thread.
    """
    from server import PromptServer

    send = getattr(PromptServer.instance, "send_sync", None)
    if send is not None:
        send(event, dict(data), client)


def running_client() -> str | None:
    """The page that queued the running graph; None where no page did."""
    from server import PromptServer

    return getattr(PromptServer.instance, "client_id", None)
