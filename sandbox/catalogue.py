"""The models that the sandbox lists, and what each takes."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from .profile import AUTO_MODEL, COVER_MODEL, OTHER_MODELS, PRICES, Profile, SchemaShape

_SPEECH, _OUTPAINTING = OTHER_MODELS
# The endpoint and the required fields of a model that makes no music of a prompt.
_OTHERS = {
    _SPEECH: ("/v1/audio/speech", ["input", "voice"]),
    _OUTPAINTING: ("/v1/audio/music", ["prompt", "audio_url"]),
    COVER_MODEL: ("/v1/audio/music", ["prompt", "input_audio"]),
}
_LISTED = {**PRICES, **dict.fromkeys((AUTO_MODEL, *_OTHERS))}


class ModelRoutes:
    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def add_to(self, router: web.UrlDispatcher) -> None:
        router.add_get("/v1/models", self._models)
        if self._profile.dialect.schema is not SchemaShape.ABSENT:
            router.add_get("/v1/models/{id:.+}/schema", self._schema)

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

    async def _schema(self, request: web.Request) -> web.Response:
        id = request.match_info["id"]
        if id not in _LISTED:
            raise web.HTTPNotFound
        endpoint, required = _OTHERS.get(id, ("/v1/audio/music", ["prompt"]))
        optional = ["model", "lyrics", "duration", "format"]
        answer: dict[str, Any] = {"id": id, "example": dict.fromkeys(required, "…"), "quirks": []}
        if self._profile.dialect.schema is SchemaShape.FIELDS:
            fields = [{"name": name, "required": True} for name in required]
            fields += [{"name": name, "required": False} for name in optional]
            answer |= {"endpoint": f"POST {endpoint}", "fields": fields}
        else:
            properties = {name: {"type": "string"} for name in (*required, *optional)}
            schema = {"type": "object", "properties": properties, "required": required}
            answer |= {"endpoint": {"method": "POST", "path": endpoint}, "input_schema": schema}
            answer = {"data": answer}
        return web.json_response(answer)
