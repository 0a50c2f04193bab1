"""What a model takes: the answer to `GET /models/{id}/schema`.

The public sources name its parts (endpoint, fields, an example, quirks) but not its shape. So this
reads the usual ones: a list of fields, a mapping of them, and JSON Schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from ..models import ModelSchema

_WRAPPERS = ("data", "schema", "input_schema", "request_schema", "request", "input")
_FIELDS = ("fields", "parameters", "inputs", "properties")


def parse_schema(body: object) -> ModelSchema | None:
    """What a model takes; None where the answer does not tell it."""
    parts = [part for part in _parts(body) if isinstance(part, Mapping)]
    endpoints = [path for part in parts for path in _endpoints(part)]
    required = [name for part in parts for name in _required(part)]
    has_fields = any(name in part for part in parts for name in (*_FIELDS, "required"))
    return ModelSchema(endpoints, required) if endpoints or has_fields else None


def _parts(body: object) -> Iterator[object]:
    """The answer, and the objects in it that may hold the fields."""
    yield body
    if isinstance(body, Mapping):
        for name in _WRAPPERS:
            yield from _parts(body.get(name))


def _endpoints(part: Mapping[str, object]) -> Iterator[str]:
    given = part.get("endpoint") or part.get("endpoints")
    for endpoint in given if isinstance(given, list) else [given]:
        text = endpoint.get("path") if isinstance(endpoint, Mapping) else endpoint
        if isinstance(text, str) and "/" in text:
            # Either a path, an address, or a method before one of them.
            yield urlsplit(text.split()[-1]).path.rstrip("/")


def _required(part: Mapping[str, object]) -> Iterator[str]:
    names = part.get("required")
    if isinstance(names, list):
        yield from (name for name in names if isinstance(name, str))
    for place in _FIELDS:
        fields = part.get(place)
        if isinstance(fields, Mapping):
            fields = [
                {"name": name, **field} for name, field in fields.items() if isinstance(field, dict)
            ]
        for field in fields if isinstance(fields, list) else []:
            if isinstance(field, Mapping) and field.get("required") is True:
                name = field.get("name")
                if isinstance(name, str):
                    yield name
