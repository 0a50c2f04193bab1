"""Connections to one PostgreSQL, for several threads. None of them waits for ever."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...errors import LedgerError
from ...ledger_url import LedgerUrl
from ...timing import Timing

if TYPE_CHECKING:
    import psycopg

# As many as `off_loop` has threads, and that of the places.
_KEPT = 5
_OPTIONS = {
    "autocommit": True,
    # A pooler gives each transaction another session, which knows no prepared statement.
    "prepare_threshold": None,
    "client_encoding": "utf8",
    "application_name": "aigateway-music",
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


class Connections:
    """Opened at first use, kept, and opened anew after a fault.

    Raises:
        LedgerError: the driver does not know this form of address.
    """

    def __init__(self, url: LedgerUrl, timing: Timing) -> None:
        import psycopg
        from psycopg import conninfo

        self._connect = psycopg.connect
        self._timing = timing
        try:
            told: dict[str, Any] = dict(conninfo.conninfo_to_dict(url.reveal()))
        except psycopg.ProgrammingError as error:
            reason = url.hide_in(str(error).strip())
            raise LedgerError(
                f"The ledger_url from {url.source} cannot be read ({reason}): correct it. "
                "Nothing was sent."
            ) from None
        self._options = {"connect_timeout": int(timing.ledger_timeout), **_OPTIONS, **told}
        self._idle: queue.LifoQueue[psycopg.Connection[Any]] = queue.LifoQueue(_KEPT)
        self._idle_status = psycopg.pq.TransactionStatus.IDLE
        self._lock = threading.Lock()
        self._busy: dict[psycopg.Connection[Any], float] = {}
        self._closed = threading.Event()
        threading.Thread(target=self._watch, name="aigateway-ledger-watch", daemon=True).start()

    @contextlib.contextmanager
    def one(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection of one's own for the block; after a fault in the block it is closed.

        Raises:
            psycopg.OperationalError: no connection can be made.
        """
        connection = self._taken()
        until = time.monotonic() + 3 * self._timing.ledger_timeout
        with self._lock:
            self._busy[connection] = until
        try:
            yield connection
        finally:
            with self._lock:
                del self._busy[connection]
            self._put(connection)

    def close(self) -> None:
        self._closed.set()
        self.forget()

    def forget(self) -> None:
        """Close the connections that nobody uses: after a fault of one, others are as old."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._idle.get_nowait().close()

    def _taken(self) -> psycopg.Connection[Any]:
        with contextlib.suppress(queue.Empty):
            return self._idle.get_nowait()
        return self._connect(**self._options)

    def _put(self, connection: psycopg.Connection[Any]) -> None:
        # In the middle of a transaction only after a fault.
        is_idle = connection.info.transaction_status is self._idle_status
        if is_idle and not self._closed.is_set():
            with contextlib.suppress(queue.Full):
                self._idle.put_nowait(connection)
                return
        connection.close()

    def _watch(self) -> None:
        """Cut connections whose server has been silent for too long; the driver waits for ever."""
        while not self._closed.wait(min(1.0, self._timing.ledger_timeout / 4)):
            now = time.monotonic()
            with self._lock:
                for connection in [one for one, until in self._busy.items() if now > until]:
                    with contextlib.suppress(Exception):
                        _cut(connection.fileno())


def _cut(number: int) -> None:
    """End the connection of a socket that another thread reads from."""
    end = socket.socket(fileno=number)
    try:
        end.shutdown(socket.SHUT_RDWR)
    finally:
        end.detach()
