"""The OpenAPI 3.1 description of the sandbox, in its main dialect."""

from __future__ import annotations

from typing import Any

from ...sandbox.profile import CHAT_PRICES, PRICES, SPEECH_PRICES

Json = dict[str, Any]

_TEXT: Json = {"type": "string"}
_ID: Json = {"type": "string", "minLength": 1}
_NUMBER: Json = {"type": "number"}
_DOLLARS: Json = {"type": "number", "minimum": 0}
_STATUS_WORDS = "queued running processing tuning completed failed cancelled"
_ADDRESS: Json = {"type": ["string", "null"]}


def _object(required: str = "", /, **properties: Json) -> Json:
    return {"type": "object", "required": required.split(), "properties": properties}


_SCHEMAS: dict[str, Json] = {
    "Error": _object(
        "error",
        error=_object(
            "message type code",
            message=_TEXT,
            type=_TEXT,
            code={"type": ["string", "integer"]},
            param=_ADDRESS,
        ),
    ),
    "Request": _object(
        "prompt",
        prompt={"type": "string", "minLength": 1, "pattern": r"\S"},
        lyrics=_TEXT,
        is_instrumental={"type": "boolean"},
        lyrics_optimizer={"type": "boolean"},
        duration={
            "type": "number",
            "minimum": 5,
            "maximum": 240,
            "default": 60,
            "description": "Seconds. Other values are clamped to the range.",
        },
        format={"enum": ["mp3", "wav"], "default": "mp3"},
        model={"type": "string", "examples": list(PRICES)},
        baseline_model={
            "type": "string",
            "description": "The ceiling of the price where the model is auto/music.",
        },
    ),
    "Question": _object(
        "model messages",
        model={"type": "string", "examples": list(CHAT_PRICES)},
        messages={
            "type": "array",
            "minItems": 1,
            "items": _object("role content", role={"enum": ["system", "user"]}, content=_TEXT),
        },
        max_tokens={"type": "integer", "minimum": 1, "maximum": 100_000},
    ),
    "Answer": _object(
        "id object model choices usage",
        id=_ID,
        object={"const": "chat.completion"},
        created={"type": "integer"},
        model=_TEXT,
        choices={
            "type": "array",
            "minItems": 1,
            "items": _object(
                "message",
                index={"type": "integer"},
                finish_reason=_TEXT,
                message=_object("role content", role={"const": "assistant"}, content=_TEXT),
            ),
        },
        usage=_object("cost", cost=_DOLLARS, total_tokens={"type": "integer", "minimum": 0}),
    ),
    "Sound": _object(
        "file model",
        file={"type": "string", "format": "binary"},
        model={"type": "string", "examples": list(SPEECH_PRICES)},
        response_format={"enum": ["json", "verbose_json"], "default": "json"},
        language=_TEXT,
    ),
    "Transcription": _object(
        "text usage",
        text=_TEXT,
        task={"const": "transcribe"},
        duration=_NUMBER,
        words={
            "type": "array",
            "items": _object("word start end", word=_TEXT, start=_NUMBER, end=_NUMBER),
        },
        usage=_object("cost", cost=_DOLLARS),
    ),
    "Job": _object(
        "id object status created",
        id=_ID,
        object={"const": "job"},
        modality={"const": "music"},
        model=_TEXT,
        status={"enum": _STATUS_WORDS.split()},
        created={"type": "integer"},
        created_at={"type": "integer"},
        updated_at={"type": "integer"},
        result=_object(url=_ADDRESS, file_url=_ADDRESS, duration=_NUMBER),
        result_url=_ADDRESS,
        usage=_object(cost_cents=_DOLLARS),
        error={"anyOf": [_TEXT, _object("code message", code=_TEXT, message=_TEXT)]},
    ),
    "Models": _object(
        "data",
        object={"const": "list"},
        data={
            "type": "array",
            "items": _object(
                "id",
                id=_ID,
                object={"const": "model"},
                modality=_TEXT,
                pricing=_object(per_second=_DOLLARS),
            ),
        },
    ),
    "RecentUse": _object(
        "data",
        object={"const": "list"},
        data={
            "type": "array",
            "items": _object(
                "request_id model status cost_cents tag created_at",
                request_id=_ID,
                model=_TEXT,
                status={"enum": _STATUS_WORDS.split()},
                cost_cents=_DOLLARS,
                tag=_TEXT,
                created_at={"type": "integer"},
            ),
        },
    ),
    "UseByTag": _object(
        "data",
        object={"const": "list"},
        data={
            "type": "array",
            "items": _object(
                "tag cost_cents requests",
                tag=_TEXT,
                cost_cents=_DOLLARS,
                requests={"type": "integer", "minimum": 1},
            ),
        },
    ),
    "Balance": _object(
        "balance currency", object={"const": "balance"}, currency={"const": "usd"}, balance=_NUMBER
    ),
    "Signed": _object("url", url=_TEXT, expires_at=_NUMBER),
}


def _schema(name: str) -> Json:
    return {"schema": {"$ref": f"#/components/schemas/{name}"}}


def _answer(schema: str, description: str) -> Json:
    return {"description": description, "content": {"application/json": _schema(schema)}}


def _answers(success: Json, *errors: int) -> Json:
    """Responses by status, with those that every route has."""
    error = _answer("Error", "The request is refused, or it failed.")
    return success | {str(status): error for status in (401, 429, *errors)}


def _parameter(place: str, name: str, schema: Json, *, required: bool = False) -> Json:
    return {"name": name, "in": place, "required": required, "schema": schema}


_JOB = _parameter("path", "id", _ID, required=True)
_FILENAME = _parameter("path", "filename", _ID, required=True)
_RANGE = _parameter(
    "header", "Range", {"type": "string", "pattern": "^bytes=[0-9]{1,9}-[0-9]{0,9}$"}
)
_HEADER: Json = {"type": "string", "pattern": "^[!-~]{1,99}$"}
_BYTES: Json = {"schema": {"type": "string", "format": "binary"}}


def _file(description: str) -> Json:
    return {"description": description, "content": {"audio/mpeg": _BYTES, "audio/wav": _BYTES}}


def _operation(name: str, summary: str, responses: Json, *parameters: Json, **more: Any) -> Json:
    described = {"operationId": name, "summary": summary, "responses": responses}
    return described | ({"parameters": list(parameters)} if parameters else {}) | more


_PATHS: dict[str, Json] = {
    "/v1/audio/music": {
        "post": _operation(
            "submit",
            "Submit a request for music.",
            _answers({"202": _answer("Job", "The job.")}, 400, 402, 403, 404, 500, 502, 503, 504),
            _parameter("header", "Idempotency-Key", _HEADER),
            _parameter("header", "X-Request-Id", _HEADER),
            _parameter("header", "x-cache", {"enum": ["skip"]}),
            _parameter("header", "x-aig-tag", _HEADER),
            requestBody={
                "required": True,
                "content": {"application/json": _schema("Request")},
            },
        )
    },
    "/v1/chat/completions": {
        "post": _operation(
            "ask",
            "Ask a model of words and pictures.",
            _answers({"200": _answer("Answer", "The answer.")}, 400, 402, 403, 404, 500, 502, 503),
            _parameter("header", "Idempotency-Key", _HEADER),
            _parameter("header", "X-Request-Id", _HEADER),
            requestBody={
                "required": True,
                "content": {"application/json": _schema("Question")},
            },
        )
    },
    "/v1/audio/transcriptions": {
        "post": _operation(
            "transcribe",
            "Ask for the words of a sound and their times.",
            _answers(
                {"200": _answer("Transcription", "The words.")}, 400, 402, 403, 404, 500, 502, 503
            ),
            _parameter("header", "Idempotency-Key", _HEADER),
            _parameter("header", "X-Request-Id", _HEADER),
            requestBody={
                "required": True,
                "content": {"multipart/form-data": _schema("Sound")},
            },
        )
    },
    "/v1/jobs/{id}": {
        "get": _operation(
            "poll",
            "Ask for a job's record.",
            _answers(
                {
                    "200": _answer("Job", "The record."),
                    "304": {"description": "The last poll was less than 3 s ago."},
                },
                404,
                500,
                503,
            ),
            _JOB,
        ),
        "delete": _operation(
            "cancel", "Cancel a job.", _answers({"200": _answer("Job", "The record.")}, 404), _JOB
        ),
    },
    "/v1/models": {
        "get": _operation(
            "models", "List the models.", _answers({"200": _answer("Models", "The list.")})
        )
    },
    "/v1/usage/recent": {
        "get": _operation(
            "recent",
            "The last requests of the account.",
            _answers({"200": _answer("RecentUse", "The newest first.")}, 400),
            _parameter("query", "limit", {"type": "integer", "minimum": 1, "maximum": 1000}),
        )
    },
    "/v1/usage/by-tag": {
        "get": _operation(
            "by_tag",
            "The costs of each tag in a month.",
            _answers({"200": _answer("UseByTag", "The sums.")}, 400),
            _parameter(
                "query",
                "month",
                {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"},
                required=True,
            ),
        )
    },
    "/v1/balance": {
        "get": _operation(
            "balance",
            "The balance of the account.",
            _answers({"200": _answer("Balance", "US dollars.")}),
        )
    },
    "/v1/files/jobs/{id}/{filename}": {
        "get": _operation(
            "file",
            "The file of a job.",
            _answers(
                {
                    "200": _file("The file."),
                    "206": _file("The part that the header Range names."),
                    "416": {"description": "The range begins behind the file's end."},
                },
                404,
                410,
                500,
            ),
            _JOB,
            _FILENAME,
            _RANGE,
        )
    },
    "/v1/files/jobs/{id}/{filename}/signed": {
        "get": _operation(
            "signed",
            "An address of the file that needs no key.",
            _answers({"200": _answer("Signed", "The address.")}, 404),
            _JOB,
            _FILENAME,
            _parameter("query", "expires_in", {"type": "integer", "minimum": 1, "maximum": 86400}),
        )
    },
}

DESCRIPTION: Json = {
    "openapi": "3.1.0",
    "info": {
        "title": "AIgateway music, as this pack's sandbox speaks it",
        "version": "1.0.0",
        "description": "Words in a prompt such as `sandbox:fail` order faults: the README lists "
        "them.",
    },
    "security": [{"key": []}, {}],
    "components": {
        "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        "schemas": _SCHEMAS,
    },
    "paths": _PATHS,
}
