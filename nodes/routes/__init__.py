"""The server's answers to the browser, under `/aigateway/`. The answers never hold the API key.

Handlers import heavy modules when they are called. Blocking work runs in a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import price, settings_panel, track_list
from .serving import answering

if TYPE_CHECKING:
    from aiohttp import web

_FILES = (track_list.audio, track_list.waveform_of_track, track_list.waveform_of_file)


def add_to(table: web.RouteTableDef) -> None:
    """Add the pack's routes to ComfyUI's. A second call does nothing."""
    if any(getattr(route, "path", "").startswith("/aigateway/") for route in table):
        return
    routes = [
        ("GET", "settings", settings_panel.get_settings),
        ("PUT", "settings", settings_panel.put_setting),
        ("POST", "test-connection", settings_panel.test_connection),
        ("GET", "balance", settings_panel.balance),
        ("GET", "price", price.price),
        ("POST", "price", price.price),
        ("GET", "model-prices", price.model_prices),
        ("GET", "tracks", track_list.tracks),
        ("POST", "accept-loss", track_list.accept_loss),
        ("GET", "news", track_list.news),
        ("POST", "news/seen", track_list.see_news),
        ("GET", "tracks/{local_id}", track_list.track),
        ("POST", "tracks/{local_id}/cancel", track_list.cancel),
        ("POST", "tracks/{local_id}/buy-again", track_list.buy_again),
        ("PUT", "tracks/{local_id}/starred", track_list.star),
        ("PUT", "tracks/{local_id}/hidden", track_list.hide),
        ("GET", "tracks/{local_id}/audio", track_list.audio),
        ("GET", "tracks/{local_id}/waveform", track_list.waveform_of_track),
        ("GET", "waveform", track_list.waveform_of_file),
    ]
    for method, path, handler in routes:
        is_file = handler in _FILES
        changes = method != "GET" and handler is not price.price
        answer = answering(handler, is_file=is_file, changes=changes)
        table.route(method, f"/aigateway/{path}")(answer)
