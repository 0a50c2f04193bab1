"""What the browser asks the server for, under `/aigateway/`. The API key is in no answer.

Whatever is heavy is imported inside the handlers, and whatever blocks runs in a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import price, settings, tracks, waveforms
from .answers import answering

if TYPE_CHECKING:
    from aiohttp import web


def add_to(table: web.RouteTableDef) -> None:
    """Add the pack's routes to ComfyUI's; again is harmless."""
    if any(getattr(route, "path", "").startswith("/aigateway/") for route in table):
        return
    table.get("/aigateway/settings")(answering(settings.get_settings))
    table.put("/aigateway/settings")(answering(settings.put_setting))
    table.post("/aigateway/test-connection")(answering(settings.test_connection))
    table.get("/aigateway/price")(answering(price.price))
    table.post("/aigateway/price")(answering(price.price))
    table.get("/aigateway/tracks")(answering(tracks.tracks))
    table.get("/aigateway/tracks/{local_id}")(answering(tracks.track))
    table.post("/aigateway/tracks/{local_id}/cancel")(answering(tracks.cancel))
    table.post("/aigateway/tracks/{local_id}/buy-again")(answering(tracks.buy_again))
    table.get("/aigateway/tracks/{local_id}/audio")(answering(tracks.audio))
    table.get("/aigateway/tracks/{local_id}/waveform")(answering(waveforms.of_track))
    table.get("/aigateway/waveform")(answering(waveforms.of_file))
