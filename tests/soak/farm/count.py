"""The comparison after the shots: the messages to a person, the ledger and the gateway's bill."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ....api.account import Account
from ....api.base.errors import GatewayError
from ....api.farm.shared_addresses import LedgerUrl
from ....api.library import Library
from ....api.media.track_store import name_of
from ....api.money.job import Job, State
from ....api.wire.key import ApiKey
from ... import sandbox_process
from ..plan import Diary
from .plan import KEY, PRICE, SERVICE, TIMING, number_of, prompt
from .shots import Shots
from .worker import bill, load, settings_with
from .world import World

_SLACK = 1e-6
# Seconds by which a row's time and the worker's own clock may differ at most.
_CLOCKS = 10.0
# A job of the gateway is queued and runs for this long in all, see `soak.GATEWAY`.
_JOB_SECONDS = 0.1


class Charge(NamedTuple):
    """A job on the bill; `key` is its idempotency key, `created` seconds since 1970."""

    id: str
    number: int
    key: str
    created: float


class Count:
    """All records after the last worker has ended.

    Args:
        calm: the requests of the phases without kills.
        asleep: the request whose first worker slept before its submit.
    """

    def __init__(
        self, world: World, shots: Shots, folder: Path, calm: tuple[int, ...], asleep: int
    ) -> None:
        self._world = world
        self._shots = shots
        self._folder = folder
        self._calm = calm
        self._asleep = asleep
        self._diary = Diary(folder)
        self._rows = asyncio.run(self._finished())
        self._bill = bill(world.gateway.base_url)
        self._charges = sorted(
            (
                Charge(job["id"], number_of(job["prompt"]), job["key"], job["ends"] - _JOB_SECONDS)
                for job in self._bill["jobs"]
            ),
            key=lambda charge: charge.created,
        )
        self._by_number = Counter(charge.number for charge in self._charges)
        takes = {tuple(map(int, line.split())) for line in self._diary.read("reported")}
        self._reported = Counter(number for number, _ in takes)
        self._repeats: Counter[int] = Counter()
        for row in self._rows:
            if row.prompt:
                self._repeats[number_of(row.prompt)] += row.repeats
        self._known: dict[str, tuple[float, float]] = {}
        for line in self._diary.read("known"):
            key, seen, created = line.split()
            self._known.setdefault(key, (float(seen), float(created)))

    def problems(self, honours_idempotency_key: bool) -> list[str]:
        """Everything that is wrong, one sentence each."""
        return [
            *self._shots.wrong,
            *self._once(honours_idempotency_key),
            *self._known_first(),
            *self._nothing_lost(),
            *self._given(),
            *self._kept(),
            *self._within_limits(),
            *self._counted(),
            *self._free_refusals(),
            *self._undisturbed(),
            *self._silent(),
        ]

    def summary(self) -> str:
        asked = len(self._asked())
        return (
            f"{asked} requests, {len(self._charges)} charges, "
            f"{sum(self._repeats.values())} submits repeated, "
            f"{sum(self._reported.values())} reported as uncertain, "
            f"{len(self._diary.read('taken'))} rows taken over, "
            f"{len(self._diary.read('refused'))} refused for a limit, "
            f"{self._bill['rejected']} of {self._bill['requests']} for the rate"
        )

    def _asked(self) -> set[int]:
        slots = range(len(list(self._folder.glob("asked-*"))))
        return {int(line) for slot in slots for line in self._diary.read(f"asked-{slot}")}

    async def _finished(self) -> list[Job]:
        """All rows, once a person has looked at the Music tab and picked up what was left."""
        url = LedgerUrl(self._world.ledger_url, "the soak")
        library = Library(self._folder / "data-count", TIMING, ledger_url=url)
        base_url = self._world.gateway.base_url
        account = Account(SERVICE, base_url, ApiKey(KEY, "the soak"), library, TIMING)
        rows, *_ = await library.page("", limit=10**9, offset=0)
        for row in rows:
            if row.state in (State.QUEUED, State.RUNNING):
                with contextlib.suppress(GatewayError):
                    await account.wait(row, timeout=30.0, progress=lambda progress: None)
        rows, *_ = await library.page("", limit=10**9, offset=0)
        self._spent = await asyncio.to_thread(library.ledger.spent)
        settings = settings_with(self._world.bucket.address())
        # This worker has seen no row of them.
        self._not_kept = [
            row
            for row in rows
            if row.state is State.COMPLETED and await load(account, row, settings) is not None
        ]
        rows, *_ = await library.page("", limit=10**9, offset=0)
        account.close()
        library.close()
        return rows

    def _once(self, honours_idempotency_key: bool) -> Iterator[str]:
        """I1 and I2."""
        for number in sorted(self._asked() | {*self._calm, self._asleep}):
            repeats = 0 if honours_idempotency_key else self._repeats[number]
            if not 1 <= self._by_number[number] <= 1 + self._reported[number] + repeats:
                yield f"Request {number} was charged {self._by_number[number]} times."
        alive = Counter(row.fingerprint for row in self._rows if not row.state.is_dead)
        for fingerprint, rows in alive.items():
            if rows > 1:
                yield f"{rows} rows of {fingerprint} are alive."

    def _known_first(self) -> Iterator[str]:
        """I3: and the ledger's clock is right, whatever the clocks of the workers are."""
        for charge in self._charges:
            seen, created = self._known.get(charge.key, (float("inf"), 0.0))
            if charge.key not in {row.idempotency_key for row in self._rows}:
                yield f"The job {charge.id} was charged, and the ledger has no row of it."
            elif seen == float("inf"):
                # Its worker was killed between the commit and this line of the diary.
                continue
            elif seen > charge.created + _JOB_SECONDS:
                yield f"The job {charge.id} was charged before its row was known to be written."
            elif abs(seen - created) > _CLOCKS:
                yield f"The row of {charge.id} is dated {created - seen:+.1f} s from its time."

    def _nothing_lost(self) -> Iterator[str]:
        """I4 and I9."""
        ids = {row.job_id for row in self._rows}
        for row in self._rows:
            if row.state in (State.SUBMITTING, State.QUEUED, State.RUNNING):
                yield f"The row of “{row.prompt}” was left {row.state.value}."
            if row.state is State.UNCERTAIN and not self._reported[number_of(row.prompt)]:
                yield f"“{row.prompt}” is uncertain, and no message said so."
        for charge in self._charges:
            was_doubted = self._repeats[charge.number] or self._reported[charge.number]
            if charge.id not in ids and not was_doubted:
                yield f"The job {charge.id} was charged, and its id is lost."

    def _given(self) -> Iterator[str]:
        """Each request got its own track."""
        prompts = {job["id"]: job["prompt"] for job in self._bill["jobs"]}
        for path in sorted(self._folder.glob("asked-*")):
            slot = path.name.partition("-")[2]
            lines = [line.split() for line in self._diary.read(f"given-{slot}")]
            given = {int(number): job_id for number, _, job_id in lines}
            for number in map(int, self._diary.read(path.name)):
                if number not in given:
                    yield f"Slot {slot} never got its track of request {number}."
                elif prompts.get(given[number]) != prompt(number):
                    yield f"Slot {slot} got another track than that of request {number}."

    def _kept(self) -> Iterator[str]:
        """I5: and the bucket takes every track while it is there."""
        for row in self._not_kept:
            if row.in_bucket:
                yield f"The bucket did not have the track of “{row.prompt}”, which was stored."
        for line in self._diary.read("unsent"):
            if int(line.split()[0]) in self._calm:
                yield f"The bucket was there and did not take the track of request {line}."
        objects = {f"{path.parent.name}/{path.name}": path for path in self._world.bucket.objects()}
        for row in self._rows:
            if row.state is not State.COMPLETED:
                continue
            content = objects[row.file].read_bytes() if row.file in objects else b""
            if name_of(content) != row.file:
                yield f"The object of “{row.prompt}” has {len(content)} other bytes."
            elif content != sandbox_process.get(row.result_url or ""):
                yield f"The bucket has another track than the gateway for “{row.prompt}”."

    def _within_limits(self) -> Iterator[str]:
        """I6: an automatic repeat is allowed by `uncertain_limit` instead."""
        spent, counted = 0.0, set[str]()
        limits = self._shots.limits
        for charge in self._charges:
            if charge.key in counted:
                continue
            counted.add(charge.key)
            spent += PRICE
            limit = max((limit for since, limit in limits if since <= charge.created), default=1e9)
            if spent > limit + _SLACK:
                yield f"${spent:.4f} were charged under a limit of ${limit:.4f}."
        for line in self._diary.read("refused"):
            found = re.search(r"With \$(\S+) of the last 24 hours.*limit of \$(\S+):", line)
            if found is None:
                yield f"A refusal names no limit: {line}"
            elif float(found[1]) + PRICE <= float(found[2]) - 0.0101:
                # The sentence rounds to cents.
                yield f"A request was refused with ${found[1]} of ${found[2]} spent."

    def _counted(self) -> Iterator[str]:
        """I8."""
        if self._spent < self._bill["dollars"] - _SLACK:
            yield f"The ledger counts ${self._spent:.4f} of ${self._bill['dollars']:.4f} charged."

    def _free_refusals(self) -> Iterator[str]:
        """I11: a statement that was confirmed just before may still arrive."""
        for began, ended in self._shots.outages:
            late = [
                charge
                for charge in self._charges
                if began + TIMING.longest_silence < charge.created < ended
            ]
            if late:
                yield f"{len(late)} jobs were charged while the ledger was away."

    def _undisturbed(self) -> Iterator[str]:
        """Nobody was killed, so only a gateway that was silent was asked twice."""
        silent = Counter(int(line.split()[0]) for line in self._diary.read("doubted"))
        for number in self._calm:
            reported = self._repeats[number] + self._reported[number]
            if reported > 2 * silent[number] or self._by_number[number] > 1 + silent[number]:
                yield (
                    f"Without a kill, request {number} was charged {self._by_number[number]} "
                    f"times, repeated {self._repeats[number]} times and reported "
                    f"{self._reported[number]} times."
                )
        if self._by_number[self._asleep] != 1:
            yield (
                f"A worker that slept beyond its lease sent its request all the same: it was "
                f"charged {self._by_number[self._asleep]} times."
            )

    def _silent(self) -> Iterator[str]:
        """I12."""
        tables = self._world.query(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
        )
        texts: dict[str, Any] = {
            name: self._world.query(f"SELECT * FROM {name}") for (name,) in tables
        }
        texts["pg_stat_activity"] = self._world.query("SELECT * FROM pg_stat_activity")
        texts |= {path.name: path.read_text("utf-8", "replace") for path in self._files()}
        for name, text in texts.items():
            if any(secret in str(text) for secret in self._world.secrets):
                yield f"A secret is in {name}."

    def _files(self) -> list[Path]:
        return [path for path in self._folder.rglob("*") if path.is_file()]
