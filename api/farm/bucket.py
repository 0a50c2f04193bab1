"""The bucket that many machines share: S3, Google Cloud Storage or Azure, through obstore.

Two requests are used, PUT and GET of a whole object: servers differ in conditions and ranges.
"""

from __future__ import annotations

import asyncio
import atexit
import re
import threading
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any, TypeVar

from ..base.errors import BucketError, SettingsError
from ..base.timing import Timing
from .shared_addresses import StoreUrl

T = TypeVar("T")

# The slowest speed that a transfer may have, in bytes a second.
_SLOWEST = 500_000
_STATUS = re.compile(r"status code: (\d{3})")
_REFUSED = ("PermissionDeniedError", "UnauthenticatedError")


class Bucket:
    """The bucket at an address; usable from any event loop. A fork needs a new one.

    After a failure the bucket is not asked for a while: every call fails at once.

    Raises:
        SettingsError: the package obstore is missing, or the address has an option that the
            service does not know. The message does not hold the address.
    """

    def __init__(self, url: StoreUrl, timing: Timing) -> None:
        self._timing = timing
        self._closed: tuple[float, str] = (0.0, "")
        try:
            import obstore
            from obstore.store import from_url
        except ImportError:
            raise SettingsError(
                f"{url.source} names a bucket, and the package obstore is not installed in "
                "ComfyUI's Python: install the file requirements-farm.txt of this pack with pip, "
                "and restart ComfyUI. Nothing was sent."
            ) from None
        self._obstore = obstore
        client: Any = {
            "connect_timeout": timedelta(seconds=timing.bucket_connect_timeout),
            # The time limit is for a whole request, and is set below.
            "timeout": timedelta(hours=1),
            # For a server whose address the user has given with http.
            "allow_http": True,
        }
        try:
            self._store: Any = from_url(
                url.shown,
                config=url.options,  # type: ignore[arg-type]
                client_options=client,
                retry_config={
                    "max_retries": 2,
                    "retry_timeout": timedelta(seconds=timing.bucket_timeout / 2),
                },
            )
        except Exception as error:
            # The messages of obstore quote addresses and options.
            kind = type(error).__name__.removesuffix("Error")
            raise SettingsError(
                f"The bucket that {url.source} names cannot be used ({kind}): correct its options "
                "or the variables of the service. Nothing was sent."
            ) from None

    async def put(self, name: str, content: bytes | memoryview) -> None:
        """Write an object; the bucket has it when this returns.

        BucketError: the bucket does not have it, or has not said so.
            BucketError: the bucket may not have the object.
        """
        within = self._timing.bucket_timeout + len(content) / _SLOWEST
        put = self._obstore.put_async
        await self._asked(lambda: put(self._store, name, content, use_multipart=False), within)

    async def get(self, name: str, max_bytes: float) -> bytes | None:
        """The bytes of an object; None if there is no such object, or a larger one.

        Raises:
            BucketError: the bucket cannot be asked.
        """
        get = self._obstore.get_async
        try:
            found = await self._asked(
                lambda: get(self._store, name), self._timing.bucket_timeout, may_be_missing=True
            )
        except FileNotFoundError:
            return None
        if found.meta["size"] > max_bytes:
            return None
        within = self._timing.bucket_timeout + found.meta["size"] / _SLOWEST
        return bytes(await self._asked(found.bytes_async, within))

    async def _asked(
        self, call: Callable[[], Awaitable[T]], within: float, *, may_be_missing: bool = False
    ) -> T:
        """Await `call` for at most `seconds`, and return its answer.

        Raises:
            BucketError: the call failed, or an earlier call failed a moment ago.
            FileNotFoundError: there is no such object, and it `may_be_missing`.
        """
        until, reason = self._closed
        if time.monotonic() < until:
            raise _failure(reason)
        try:
            with _exit():
                return await asyncio.wait_for(_awaited(call), within)
        except Exception as error:
            if may_be_missing and isinstance(error, FileNotFoundError):
                raise
            reason = _reason(error)
        self._closed = (time.monotonic() + self._timing.bucket_pause, reason)
        raise _failure(reason)


async def _awaited(call: Callable[[], Awaitable[T]]) -> T:
    return await call()


def _reason(error: Exception) -> str:
    """The reason for people, without the words of obstore: they quote address and answer."""
    status = _STATUS.search(str(error))
    if type(error).__name__ in _REFUSED:
        return "it refuses the credentials"
    if isinstance(error, FileNotFoundError):
        return "it does not exist"
    if isinstance(error, asyncio.TimeoutError):
        return "it did not answer in time"
    return f"it answered with the status {status[1]}" if status else "it cannot be reached"


def _failure(reason: str) -> BucketError:
    return BucketError(f"The bucket of the tracks failed: {reason}.", reason)


class _Exit:
    """Lets Python end after the threads of obstore have delivered their last answers.

    Up to Python 3.13, the process aborts if Python ends while a foreign thread is told to leave.
    """

    PATIENCE = 2.0
    """Seconds for calls under way."""
    PAUSE = 0.05
    """Seconds in which a thread has left Python after its answer is there."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._calls = 0
        atexit.register(self._settle)

    def __enter__(self) -> None:
        with self._lock:
            self._calls += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._calls -= 1
            self._lock.notify_all()

    def _settle(self) -> None:
        with self._lock:
            self._lock.wait_for(lambda: not self._calls, self.PATIENCE)
        time.sleep(self.PAUSE)


@lru_cache(maxsize=1)
def _exit() -> _Exit:
    return _Exit()
