"""The server's answers to the browser, under `/aigateway/`. No answer holds the API key.

Handlers import heavy modules when they are called. Blocking work runs in a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import price, settings, tracks, waveforms
from .answers import answering

if TYPE_CHECKING:
    from aiohttp import web


def add_to(table: web.RouteTableDef) -> None:
    """Add the pack's routes to ComfyUI's. A second call does nothing."""
    if any(getattr(route, "path", "").startswith("/aigateway/") for route in table):
        return
    table.get("/aigateway/settings")(answering(settings.get_settings))
    table.put("/aigateway/settings")(answering(settings.put_setting))
    table.post("/aigateway/test-connection")(answering(settings.test_connection))
    table.get("/aigateway/balance")(answering(settings.balance))
    table.get("/aigateway/price")(answering(price.price))
    table.post("/aigateway/price")(answering(price.price))
    table.get("/aigateway/model-prices")(answering(price.model_prices))
    table.get("/aigateway/tracks")(answering(tracks.tracks))
    table.post("/aigateway/accept-loss")(answering(tracks.accept_loss))
    table.get("/aigateway/news")(answering(tracks.news))
    table.post("/aigateway/news/seen")(answering(tracks.see_news))
    table.get("/aigateway/tracks/{local_id}")(answering(tracks.track))
    table.post("/aigateway/tracks/{local_id}/cancel")(answering(tracks.cancel))
    table.post("/aigateway/tracks/{local_id}/buy-again")(answering(tracks.buy_again))
    table.put("/aigateway/tracks/{local_id}/starred")(answering(tracks.star))
    table.put("/aigateway/tracks/{local_id}/hidden")(answering(tracks.hide))
    table.get("/aigateway/tracks/{local_id}/audio")(answering(tracks.audio))
    table.get("/aigateway/tracks/{local_id}/waveform")(answering(waveforms.of_track))
    table.get("/aigateway/waveform")(answering(waveforms.of_file))
