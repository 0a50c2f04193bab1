"""Whatever stands in the settings file, in a row of the ledger or in an address."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import math
import socket
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import tomlkit
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ...api.base.errors import AddressError, InputError, SettingsError
from ...api.base.request import MusicRequest
from ...api.money.ledger import DAY, Ledger
from ...api.money.sqlite import FILE_NAME
from ...api.settings import FILE_NAME as SETTINGS
from ...api.settings import Settings, load, write
from ...api.wire.download import checked_url
from ...api.wire.guard import AddressGuard, is_public

pytestmark = pytest.mark.slow

QUICK = settings(max_examples=60, deadline=None, database=None)
NAMES = [*Settings.__dataclass_fields__, "nobody"]
SCALARS = st.one_of(
    st.text(max_size=20),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.datetimes(),
    st.dates(),
    st.sampled_from(["sandbox", "live", "true", "0x10", "127.0.0.1/8", "http://[::1"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(min_size=1, max_size=5), inner)
    ),
    max_leaves=5,
)


def loads_or_says_why(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / SETTINGS).write_bytes(content)
        for use in (
            lambda: load(Path(folder), {}),
            lambda: write(Path(folder), "minimum_balance", 2.5),
        ):
            with contextlib.suppress(SettingsError):
                use()


@QUICK
@given(st.binary(max_size=300))
@example(b"mode = " + b"[" * 20_000)
@example(b"minimum_balance = " + b"1" * 5000)
@example(b"minimum_balance = 0x" + b"f" * 5000)
@example(b"mode = [0x" + b"f" * 5000 + b"]")
@example(b"minimum_balance = 1979-13-41T99:99:99Z")
@example(b"".join(b"a." for _ in range(5000)) + b"a = 1")
def test_any_bytes_are_settings_or_one_sentence(content: bytes) -> None:
    loads_or_says_why(content)


@QUICK
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4))
def test_any_values_are_settings_or_one_sentence(values: dict[str, Any]) -> None:
    try:
        content = tomlkit.dumps(values).encode()
    except ValueError:
        return
    loads_or_says_why(content)


# What SQLite can hold in any column; NaN becomes NULL.
ANYTHING = st.one_of(
    st.none(),
    st.floats(),
    st.integers(-(2**63), 2**63 - 1),
    st.text(max_size=8),
    st.binary(max_size=8),
    st.sampled_from(["-5x", "1e9", -0.0, -1e308, 1e308, math.inf, -math.inf]),
)
UNKNOWN = 1.0


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Ledger, Path]]:
    """A ledger with a track of $0.50 and a second row, which the tests damage."""
    folder = tmp_path_factory.mktemp("ledger")
    ledger = Ledger(folder)
    for take, price in ((1, 0.5), (2, 0.25)):
        ledger.create("live", MusicRequest("piano", take=take), run="run", price=price)
    yield ledger, folder / FILE_NAME
    ledger.close()


@QUICK
@given(price=ANYTHING, charged=ANYTHING, repeats=ANYTHING, duration=ANYTHING, took=ANYTHING)
@example(price=-1000.0, charged=-1000.0, repeats=0, duration=1.0, took=1.0)
@example(price=0.25, charged=0.0, repeats=-(2**63), duration=1.0, took=1.0)
@example(price=0.25, charged=None, repeats="-5x", duration="a", took=b"b")
@example(price=1e308, charged=math.inf, repeats=2**62, duration=math.inf, took=1e308)
def test_no_value_in_a_row_makes_room_in_a_limit(
    ledger: tuple[Ledger, Path], **values: Any
) -> None:
    reader, file = ledger
    assign = ", ".join(f"{name} = ?" for name in values)
    for state in ("completed", "running", "failed"):
        with contextlib.closing(sqlite3.connect(file)) as other, other:
            repeats = values["repeats"]
            bound = {**values, "repeats": 0 if repeats is None or repeats != repeats else repeats}
            if bound["duration"] is None or bound["duration"] != bound["duration"]:
                bound["duration"] = 1.0
            statement = f"UPDATE jobs SET {assign}, state = ? WHERE take = 2"
            other.execute(statement, [*bound.values(), state])
        counted = [
            reader.counted(UNKNOWN, run="run"),
            reader.counted(UNKNOWN, since=reader.engine.now() - DAY),
            reader.spent(run="run"),
        ]
        assert all(math.isfinite(amount) and amount >= 0.5 for amount in counted), counted
        assert 0 <= reader.pending("live", UNKNOWN) < math.inf
        for read in (reader.charges, reader.run_times):
            for pair in read("live", MusicRequest("piano").model):
                assert all(isinstance(number, (int, float)) and number > 0 for number in pair)
        assert len(reader.page(limit=10)[0]) == 2


# Addresses of networks that nobody may reach, and public ones.
BASES = st.one_of(
    st.integers(0, 2**32 - 1),
    *(
        st.integers(0, 255).map(lambda low, high=high: high << 8 | low)
        for high in (0x7F0000, 0x0A0000, 0xC0A801, 0xA9FEA9, 0xAC1001, 0x644000, 0)
    ),
)
OCTET_FORMS = st.sampled_from(["{}", "0{:o}", "0x{:x}", "0X{:X}", "000{:o}", "{:03}"])
ENDS = st.sampled_from(["", ".", "..", "%2e", "%00", "\u3002", ":80", "#@8.8.8.8", "?@8.8.8.8"])
STARTS = st.sampled_from(["", "user@", "8.8.8.8@", "8.8.8.8%40", "\\", "/", "\t", "%20", "0."])


@st.composite
def spellings(draw: st.DrawFn) -> str:
    """An IPv4 address in a form that some reader takes: other bases, fewer parts, other letters."""
    base, parts = draw(BASES), draw(st.integers(1, 4))
    numbers = [base >> 8 * (3 - at) & 255 for at in range(parts - 1)]
    numbers.append(base & ((1 << 8 * (5 - parts)) - 1))
    host = ".".join(draw(OCTET_FORMS).format(number) for number in numbers)
    if draw(st.booleans()):
        at = draw(st.integers(0, len(host) - 1))
        other = chr(ord(host[at]) + 0xFEE0)
        host = host[:at] + draw(st.sampled_from([other, f"%{ord(host[at]):02x}"])) + host[at + 1 :]
    if draw(st.integers(0, 4)) == 0:
        inside = draw(st.sampled_from(["::ffff:", "::", "64:ff9b::", "2002:", "::ffff:0:"]))
        host = f"[{inside}{ipaddress.IPv4Address(base)}]"
    scheme = draw(st.sampled_from(["http", "https", "HTTP", "http:", "hTTp"]))
    return f"{scheme}://{draw(STARTS)}{host}{draw(ENDS)}/a.wav"


async def loosest(host: str, port: int) -> list[str]:
    """The reader of addresses that takes most spellings, as the C library of a system may."""
    return [socket.inet_ntoa(socket.inet_aton(host.rstrip(".")))]


@settings(max_examples=300, deadline=None, database=None)
@given(st.one_of(spellings(), st.text(max_size=30).map("http://{}/a".format), st.text(max_size=40)))
def test_no_spelling_leads_to_an_address_that_is_not_public(url: str) -> None:
    try:
        checked = httpx.URL(checked_url(url))
        found = asyncio.run(AddressGuard(resolve=loosest).addresses(checked))
    except (AddressError, InputError, OSError):
        return
    assert all(is_public(ipaddress.ip_address(address)) for address in found), found
