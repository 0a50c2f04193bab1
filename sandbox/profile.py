"""The sandbox's clock, its models, its limits and its dialect of the protocol."""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

_BEGAN = time.time() - time.monotonic()


def now() -> float:
    """Seconds since 1970. A change of the system's clock does not change this time."""
    return _BEGAN + time.monotonic()


# US dollars per second of audio, as the list of models states them.
PRICES = {
    "ace-step/ace-step-prompt-to-audio": 0.0002,
    "elevenlabs/elevenlabs-music": 0.80,
    "fal-ai/stable-audio-25/text-to-audio": None,
    "fal-ai/ace-step/prompt-to-audio": 0.0002,
    "sony-ai/mmaudio-v2-text-to-audio": 0.001,
}
# Seconds of audio that a model makes at least and at most.
MUSIC_LENGTHS = (5.0, 240.0)
LENGTHS = {"sony-ai/mmaudio-v2-text-to-audio": (1.0, 30.0)}
# The gateway lists every model that makes sound. These models do not make music from a prompt.
OTHER_MODELS = (
    "elevenlabs/elevenlabs-tts-multilingual-v2",
    "stability-ai/stable-audio-3-medium-audio-outpainting",
)
# Models that answer at once. US dollars for a million tokens that go in, and that come out.
CHAT_PRICES = {
    "meta/llama-3.2-11b-vision-instruct": (0.049, 0.680),
    "google/gemini-3.1-flash-lite": (0.05, 0.20),
    "openai/gpt-5.4-nano": (0.20, 1.25),
}
# Models that transcribe speech. US dollars for a minute of sound.
SPEECH_PRICES = {"deepgram/nova-3": 0.0052}
# This router chooses a model that costs at most as much as the request's `baseline_model`.
AUTO_MODEL = "auto/music"


class ResultShape(str, Enum):
    """The field of a completed job's record that names the file."""

    NESTED_URL = "result.url"
    NESTED_FILE_URL = "result.file_url"
    TOP_LEVEL = "result_url"


class FileOrigin(str, Enum):
    """The server of a job's file, and whether this server requires the key.

    SIGNED: the API's host, at a signed address. KEYED: the API's host, which wants the key.
    ELSEWHERE_SIGNED: another origin, at a signed address. ELSEWHERE_ON_DEMAND: another origin,
    which wants the key; the API gives signed addresses on demand. ELSEWHERE_KEYED: another origin,
    which wants the key; the API gives no signed addresses.
    """

    SIGNED = "signed"
    KEYED = "keyed"
    ELSEWHERE_SIGNED = "elsewhere, signed"
    ELSEWHERE_ON_DEMAND = "elsewhere, signed on demand"
    ELSEWHERE_KEYED = "elsewhere, keyed"

    @property
    def is_elsewhere(self) -> bool:
        return self.value.startswith("elsewhere")

    @property
    def wants_key(self) -> bool:
        return self not in (FileOrigin.SIGNED, FileOrigin.ELSEWHERE_SIGNED)


class Dialect(NamedTuple):
    """The points in which AIgateway's public sources disagree. The default is the main one.

    Attributes:
        usage_routes: the usage lists that the gateway has.
        usage_label: the name of the cost tag in these lists.
        usage_is_bare: whether the answer is the bare list of rows, without `data`.
        takes_data_addresses: whether a picture may stand in a `data:` address.
        takes_request_id: whether a request keeps the `X-Request-Id` that the client sends.
        caches: whether a prompt gets the same sound again, unless `x-cache: skip` is sent.
    """

    result: ResultShape = ResultShape.NESTED_URL
    running: str = "running"
    error_is_string: bool = False
    numeric_error_code: bool = False
    cancel_by_delete: bool = True
    submit_status: int = 202
    honours_idempotency_key: bool = True
    files: FileOrigin = FileOrigin.SIGNED
    usage_routes: tuple[str, ...] = ("recent", "by-tag")
    usage_label: str = "tag"
    usage_is_bare: bool = False
    takes_data_addresses: bool = True
    takes_request_id: bool = True
    caches: bool = False


class Profile(NamedTuple):
    """Times in seconds, credit in US dollars. The default is a fast account with much credit.

    The usage lists show a submit after `usage_delay`; the gateway's own delay is not known.
    `listed` are the prices in the list of models; the real prices of jobs are in `PRICES`.
    At most `max_waiting` jobs wait to be composed. A further submit gets the status 429.
    `poll_floor`, `window` and the free account's `limit` of 10 are the documented rules.
    """

    queue: float = 1.0
    run: float = 2.5
    run_per_second: float = 0.02
    poll_floor: float = 3.0
    window: float = 60.0
    limit: int = 600
    retry_after: float = 1.0
    url_lifetime: float = 24 * 3600.0
    usage_delay: float = 3600.0
    credit: float = 1000.0
    max_waiting: int = 100
    key: str | None = None
    listed: Mapping[str, object] = PRICES
    dialect: Dialect = Dialect()

    def scaled(self, factor: float) -> Profile:
        """A profile with all times multiplied by `factor`, so that tests are fast."""
        times = ("queue", "run", "run_per_second", "poll_floor", "window", "retry_after")
        return self._replace(**{name: getattr(self, name) * factor for name in times})
