"""The sandbox's jobs: their requests, their states at a given time, and the book of all jobs."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web
from filelock import FileLock

from ..files.atomic import write_file
from .cards import Cards
from .profile import AUTO_MODEL, LENGTHS, MUSIC_LENGTHS, PRICES, Profile, ResultShape, now

QUEUED, RUNNING = "queued", "running"
COMPLETED, FAILED, CANCELLED = "completed", "failed", "cancelled"


class SketchRequest(NamedTuple):
    """A submitted request for music. `duration` is in seconds, `key` is the idempotency key."""

    prompt: str
    duration: float
    lyrics: str
    format: str
    model: str
    key: str

    @property
    def seed(self) -> int:
        """The random seed. Another idempotency key gives other music for the same words."""
        digest = hashlib.sha256("\n".join(map(str, self)).encode()).digest()
        return int.from_bytes(digest[:8], "big")


async def read_request(request: web.Request) -> SketchRequest | None:
    """The request in the body of a submit; None if the body is malformed.

    The duration is clamped to the model's range.
    """
    try:
        body = await request.json()
        prompt = body["prompt"]
        duration = float(body.get("duration", 60.0))
        format = body.get("format", "mp3")
        model = body.get("model") or next(iter(PRICES))
        if model == AUTO_MODEL:
            model = body["baseline_model"]
        if request.content_type != "application/json" or not math.isfinite(duration):
            return None
        if not isinstance(prompt, str) or not prompt or format not in ("mp3", "wav"):
            return None
        least, most = LENGTHS.get(str(model), MUSIC_LENGTHS)
        return SketchRequest(
            prompt=prompt,
            duration=min(max(duration, least), most),
            lyrics="" if body.get("is_instrumental") is True else str(body.get("lyrics") or ""),
            format=format,
            model=str(model),
            key=request.headers.get("Idempotency-Key", ""),
        )
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return None


class SandboxJob:
    """One job. Its times are fixed when it is created; its state follows from the clock.

    All times are seconds since 1970.

    Attributes:
        nth: the job's number among those of its prompt, counted from 1.
        is_cached: whether the idempotency key makes no difference to the sound.
        rendered: whether the file exists. A job without a file cannot complete.
        polled: the time of a client's last poll, or None.
        broken: the reason why the file could not be made, or None.
    """

    def __init__(self, id: str, request: SketchRequest, created: float, profile: Profile) -> None:
        self.id = id
        self.request = request
        self.created = created
        self.cards = Cards.of(request.prompt)
        queue = self.cards.number("queue", 60.0) if self.cards.has("queue") else profile.queue
        run = profile.run + profile.run_per_second * request.duration
        if self.cards.has("slow"):
            run = self.cards.number("slow", 60.0)
        self.starts = created + queue
        self.ends = self.starts + run
        self.nth = 1
        self.is_cached = False
        self.cancelled_at: float | None = None
        self.rendered = False
        self.polled: float | None = None
        self.broken: str | None = None

    @property
    def price(self) -> float:
        """The price in US dollars."""
        return (PRICES.get(self.request.model) or 0.0) * self.request.duration

    @property
    def characters(self) -> int:
        """The length of the request's texts."""
        return sum(map(len, (self.request.prompt, self.request.lyrics, self.request.key)))

    @property
    def filename(self) -> str:
        return f"track.{self.request.format}"

    @property
    def delivered(self) -> SketchRequest:
        """The request for the renderer. Cards may change it from the submitted request."""
        request = self.request
        if self.cards.has("same") or self.is_cached:
            request = request._replace(key="")
        if self.cards.has("format"):
            request = request._replace(format="wav" if request.format == "mp3" else "mp3")
        if self.cards.has("short"):
            request = request._replace(duration=max(5.0, request.duration / 2))
        return request

    def state(self, now: float) -> str:
        if self.cancelled_at is not None:
            return CANCELLED
        if now < self.starts:
            return QUEUED
        if now < self.ends:
            return RUNNING
        is_nth = self.cards.has("fail-nth") and self.nth == self.cards.number("fail-nth", 2)
        if self.cards.has("fail") or is_nth or self.broken is not None:
            return FAILED
        if self.cards.has("cancelled"):
            return CANCELLED
        return COMPLETED if self.rendered else RUNNING

    def is_charged(self, now: float) -> bool:
        """Whether the job costs money. Failed jobs, and jobs cancelled in the queue, do not."""
        return self.state(now) not in (FAILED, CANCELLED)

    def record(self, now: float, url: str | None, profile: Profile) -> dict[str, Any]:
        """The job record in the profile's dialect. `url` is the file's address after completion."""
        state, dialect = self.state(now), profile.dialect
        record: dict[str, Any] = {
            "id": self.id,
            "object": "job",
            "modality": "music",
            "model": self.request.model,
            "status": state,
            "created": int(self.created),
            "created_at": int(self.created),
            "updated_at": int(min(now, self.ends)),
        }
        if state == RUNNING:
            record["status"] = "tuning" if self.cards.has("unknown") else dialect.running
        elif state == COMPLETED:
            result: dict[str, Any] = {"duration": self.request.duration}
            if self.cards.has("transcript"):
                result = {"transcript": {"text": "la la la", "segments": []}}
            elif dialect.result is ResultShape.TOP_LEVEL:
                record["result_url"] = url
            else:
                result["url" if dialect.result is ResultShape.NESTED_URL else "file_url"] = url
            record["result"] = result
            record["usage"] = {"cost_cents": self.price * 100}
        elif state == FAILED:
            reason = self.broken or "The model could not make music of this prompt."
            plain = dialect.error_is_string or self.cards.values.get("fail") == "plain"
            record["error"] = reason if plain else {"code": "generation_failed", "message": reason}
        return record


MOST_JOBS = 2000
MOST_CHARACTERS = 32_000_000
"""Limit on the characters of the prompts, lyrics and keys of all jobs together."""


class JobBook:
    """The last jobs, by id and by idempotency key. The oldest are dropped: sketches are free.

    The row and the clock fully define a job, so every process that reads the file can answer for
    it: the sandboxes of several ComfyUIs with one folder share their jobs.

    Args:
        path: the file that stores the jobs over a restart; None keeps them only in memory.
    """

    def __init__(
        self, profile: Profile, path: Path | None, clock: Callable[[], float] = now
    ) -> None:
        self._profile = profile
        self._path = path
        self._clock = clock
        self._jobs: dict[str, SandboxJob] = {}
        self._by_key: dict[str, str] = {}
        self._of_prompt: Counter[str] = Counter()
        self._characters = 0
        self._read: tuple[int, int, int] | None = None
        self._refresh()

    def __iter__(self) -> Iterator[SandboxJob]:
        return iter(self._jobs.values())

    def get(self, id: str) -> SandboxJob | None:
        self._refresh()
        return self._jobs.get(id)

    def create(self, request: SketchRequest, *, is_cached: bool = False) -> SandboxJob:
        """A new job, or the one that this idempotency key created before.

        Args:
            is_cached: its sound is that of every cached job with the same words.
        """
        honours = self._profile.dialect.honours_idempotency_key
        with self._saved():
            known = self._by_key.get(request.key) if honours and request.key else None
            if known is not None:
                return self._jobs[known]
            id = f"sandbox_{os.urandom(8).hex()}"
            job = SandboxJob(id, request, self._clock(), self._profile)
            self._add(job)
            job.is_cached = is_cached
            return job

    def cancel(self, job: SandboxJob) -> None:
        """Cancel a queued job. A job in another state does not change."""
        with self._saved():
            if job.state(self._clock()) == QUEUED:
                job.cancelled_at = self._clock()

    def charged(self) -> list[SandboxJob]:
        """The jobs that cost money."""
        self._refresh()
        moment = self._clock()
        return [job for job in self._jobs.values() if job.is_charged(moment)]

    def _add(self, job: SandboxJob) -> None:
        self._jobs[job.id] = job
        self._of_prompt[job.request.prompt] += 1
        job.nth = self._of_prompt[job.request.prompt]
        self._characters += job.characters
        if job.request.key:
            self._by_key[job.request.key] = job.id
        while len(self._jobs) > 1 and (
            len(self._jobs) > MOST_JOBS or self._characters > MOST_CHARACTERS
        ):
            self._drop(next(iter(self._jobs)))

    def _drop(self, id: str) -> None:
        job = self._jobs.pop(id)
        self._characters -= job.characters
        if self._by_key.get(job.request.key) == id:
            del self._by_key[job.request.key]
        prompt = job.request.prompt
        if not any(other.request.prompt == prompt for other in self._jobs.values()):
            del self._of_prompt[prompt]

    def _refresh(self) -> None:
        """Read the jobs from the file that this process does not know yet."""
        if self._path is None:
            return
        try:
            status = self._path.stat()
            version = (status.st_ino, status.st_size, status.st_mtime_ns)
            if version == self._read:
                return
            moment = self._clock()
            rows = json.loads(self._path.read_text(encoding="utf-8"))
            # The clock may have been ahead: `min` keeps a job from waiting for a future date.
            read = [
                (SandboxJob(id, SketchRequest(*request), min(created, moment), self._profile), end)
                for id, request, created, end in rows
            ]
        except (OSError, ValueError, TypeError, KeyError, IndexError):
            # Sketches are free: the next job replaces a missing or damaged file.
            return
        self._read = version
        for job, cancelled_at in read:
            if job.id not in self._jobs:
                self._add(job)
            if cancelled_at is not None and job.id in self._jobs:
                self._jobs[job.id].cancelled_at = cancelled_at

    @contextlib.contextmanager
    def _saved(self) -> Iterator[None]:
        """Read the file before the block, and write it after the block, under one lock."""
        if self._path is None:
            yield
            return
        with FileLock(f"{self._path}.lock"):
            self._refresh()
            yield
            rows = [
                [job.id, job.request, job.created, job.cancelled_at] for job in self._jobs.values()
            ]
            # Sketches are free: a power cut may destroy the file.
            write_file(self._path, json.dumps(rows).encode(), durable=False)
