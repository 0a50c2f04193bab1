"""The models that the sandbox lists."""

from __future__ import annotations

from aiohttp import web

from .profile import AUTO_MODEL, OTHER_MODELS, PRICES

_LISTED = {**PRICES, **dict.fromkeys((AUTO_MODEL, *OTHER_MODELS))}


class ModelRoutes:
    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/v1/models", self._models)

    async def _models(self, request: web.Request) -> web.Response:
        data = [
            {
                "id": id,
                "object": "model",
                "modality": "music",
                "pricing": {} if price is None else {"per_second": price},
            }
            for id, price in _LISTED.items()
        ]
        return web.json_response({"object": "list", "data": data})
