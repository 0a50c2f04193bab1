"""Whatever goes wrong, in whatever order: paid once, and a track or an error that says where it is.

Hypothesis draws faults for every step of a request, and what the person in front of the screen does
meanwhile; a real sandbox on loopback acts them out.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import itertools
import json
import logging
import threading
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from ...api.account import Account
from ...api.base.errors import (
    AuthenticationError,
    DownloadError,
    GatewayError,
    JobCancelledError,
    JobFailedError,
    StatusError,
    UncertainSubmitError,
)
from ...api.base.request import MusicRequest
from ...api.base.timing import Timing
from ...api.library import Library
from ...api.money.job import Job, State
from ...api.money.sqlite import FILE_NAME
from ...api.settings import Settings
from ...api.wire.key import ApiKey
from ...files.sniff import Container, sniff
from ...sandbox.cards import CARDS
from ...sandbox.profile import Dialect, FileOrigin, Profile, ResultShape
from ...sandbox.server import Sandbox
from ..gateway import SCALE, account_on, rows_of, running, tone

KEY = "sk-aig-a-secret-that-nobody-may-read-0123456789"
# Far more patience than any drawn fault needs, far less than a person has.
TIMING = (
    Timing(rate_limit=600, backoff=0.3, backoff_max=1.0, first_poll=3.0)
    .scaled(SCALE)
    ._replace(file_backoff_max=0.01)
)
DIALECTS = [
    Dialect(),
    Dialect(honours_idempotency_key=False, files=FileOrigin.KEYED, submit_status=200),
    Dialect(ResultShape.NESTED_FILE_URL, "processing", error_is_string=True),
    Dialect(ResultShape.TOP_LEVEL, numeric_error_code=True, cancel_by_delete=False),
]

SUBMIT = ("429", "500", "503", "502", "504", "drop", "html", "noid")
POLL = ("poll-404", "poll-429", "poll-500", "poll-503", "poll-html", "poll-drop")
FILE = ("cut", "media-500")
COUNTED = SUBMIT + POLL + FILE
REFUSED = ("400", "401", "402", "budget", "403", "404")
ENDS = ("fail", "fail=plain", "fail-nth", "cancelled")
SPOILED = ("gone", "page", "endless")
OTHER = (
    "nofile",
    "listed",
    "unknown",
    "same",
    "format",
    "short",
    "expire",
    "no-range",
    "truncated",
)
OTHER += ("queue=0.05", "slow=0.1")
# A long answer of a chat, and a job that is no music.
OF_OTHER_TESTS = {"long", "transcript"}


class Deed(NamedTuple):
    """What a person does before asking once more: interrupts, runs out of time, restarts."""

    seconds: float
    restarts: bool


def counted(names: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    one = st.builds("{}={}".format, st.sampled_from(names), st.integers(1, 3))
    return st.lists(one, max_size=3, unique_by=lambda card: card.partition("=")[0])


def at_most_one(names: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), max_size=1)


# Mostly what can be overcome; now and then what cannot.
FAULTS = st.builds(
    lambda *groups: sorted(set(itertools.chain(*groups))),
    counted(SUBMIT),
    counted(POLL),
    counted(FILE),
    st.lists(st.sampled_from(OTHER), max_size=2, unique=True),
    st.one_of(st.just([]), st.just([]), at_most_one(ENDS + SPOILED + REFUSED)),
)
DEEDS = st.lists(st.builds(Deed, st.floats(0.0, 0.3), st.booleans()), max_size=2)


class Submits:
    """The submits of this process, counted where they leave.

    The sandbox counts a submit when it has handled it. If the program restarts meanwhile, that may
    be after the next questions have ended.

    Attributes:
        left: how many submits of each prompt were handed to the network.
        open: how many of those the gateway has not certainly refused.
    """

    REFUSALS = (400, 401, 402, 403, 404, 429, 500, 503)

    def __init__(self) -> None:
        self.left: Counter[str] = Counter()
        self.open: Counter[str] = Counter()

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        send = httpx.AsyncHTTPTransport.handle_async_request

        async def counting(
            transport: httpx.AsyncHTTPTransport, request: httpx.Request
        ) -> httpx.Response:
            if request.method != "POST" or not request.url.path.endswith("/audio/music"):
                return await send(transport, request)
            prompt = json.loads(request.content)["prompt"]
            self.left[prompt] += 1
            self.open[prompt] += 1
            answer = await send(transport, request)
            self.open[prompt] -= answer.status_code in self.REFUSALS
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", counting)
            yield


class Bench(NamedTuple):
    gateways: list[Sandbox]
    folder: Path
    numbers: Iterator[int]
    submits: Submits


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with contextlib.ExitStack() as stack:
        profile = Profile(key=KEY).scaled(SCALE)
        gateways = [
            stack.enter_context(running(profile._replace(dialect=dialect))) for dialect in DIALECTS
        ]
        submits = Submits()
        stack.enter_context(submits.counted())
        yield Bench(gateways, tmp_path_factory.mktemp("faults"), itertools.count(), submits)


class Listener(logging.Handler):
    """Everything that anybody logs, at any level."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.getMessage()} {record.args!r}")


@contextlib.contextmanager
def listening() -> Iterator[list[str]]:
    listener, logger = Listener(), logging.getLogger()
    level = logger.level
    logger.addHandler(listener)
    logger.setLevel(logging.DEBUG)
    try:
        yield listener.lines
    finally:
        logger.removeHandler(listener)
        logger.setLevel(level)


class Person:
    """Asks for one piece until it is there, restarting the program now and then."""

    def __init__(self, gateway: Sandbox, folder: Path, prompt: str, uncertain_limit: float) -> None:
        self.gateway = gateway
        self.request = MusicRequest(prompt, 5.0, format="wav")
        self.settings = Settings(uncertain_limit=uncertain_limit)
        self.folder = folder
        self._stack = contextlib.ExitStack()
        self.account = self._start()

    def _start(self) -> Account:
        return self._stack.enter_context(
            account_on(self.gateway, self.folder, key=KEY, timing=TIMING)
        )

    def restart(self) -> None:
        self.stop()
        self.account = self._start()

    def stop(self) -> None:
        self._stack.close()

    async def ask(self, timeout: float = 60.0) -> bytes:
        job = await self.account.submit(self.request, run="run", settings=self.settings)
        done = await self.account.wait(job, timeout=timeout, progress=lambda progress: None)
        assert done.result_url is not None
        track = await self.account.open(done.result_url, Settings(max_download_mb=0.5))
        with track.reader:
            await self.account.download(track)
            if track.path is None and sniff(track.content()) is not Container.WAV:
                # The node decodes before it keeps, and a web page cannot be decoded.
                raise DownloadError("no audio", job_id=done.job_id)
            path, _ = await self.account.store(track, Settings())
        assert path is not None
        return path.read_bytes()

    def rows(self) -> list[Job]:
        return rows_of(self.account)

    def charges(self) -> int:
        jobs = self.gateway.bill()["jobs"]
        return sum(job["prompt"] == self.request.prompt for job in jobs)


async def play(person: Person, deeds: list[Deed]) -> tuple[bytes | None, list[GatewayError]]:
    """Ask with the deeds in between, then until it is there or nothing changes any more."""
    errors: list[GatewayError] = []
    for deed in deeds:
        try:
            # A wait that runs out of time and a wait that is interrupted are two ways to go.
            asking = person.ask(timeout=0.05) if deed.restarts else person.ask()
            return await asyncio.wait_for(asking, deed.seconds), errors
        except asyncio.TimeoutError:
            pass
        except GatewayError as error:
            errors.append(error)
        if deed.restarts:
            person.restart()
    # Each time that a submit was patient enough to fail, another one gets further.
    for _ in range(4):
        try:
            return await person.ask(), errors
        except GatewayError as error:
            errors.append(error)
    return None, errors


def assert_named(person: Person, error: GatewayError) -> None:
    """An error of a job names the job, in its attribute and to people."""
    ids = {row.job_id for row in person.rows() if row.job_id}
    if isinstance(error, (JobFailedError, JobCancelledError)):
        assert error.job_id in ids
    if error.job_id is not None:
        assert error.job_id in ids
        assert error.job_id in str(error) or str(error) == "no audio"
    elif not isinstance(error, UncertainSubmitError):
        # Without a job nothing was bought, so that nothing can be lost.
        assert isinstance(error, StatusError)
        assert "job" not in str(error)


def assert_secret(person: Person, errors: list[GatewayError], lines: list[str]) -> None:
    shown = [*lines, repr(person.account), repr(vars(person.account)), repr(person.rows())]
    for error in errors:
        shown += [repr(error), repr(vars(error)), *traceback.format_exception(error)]
    assert not [text for text in shown if KEY in text]
    assert_not_in_files(person.folder)


def assert_not_in_files(folder: Path) -> None:
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert any(path.name == FILE_NAME for path in files)
    assert not [path for path, content in files.items() if KEY.encode() in content]


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    dialect=st.integers(0, len(DIALECTS) - 1),
    faults=FAULTS,
    deeds=DEEDS,
    uncertain_limit=st.sampled_from([0.05, 0.05, 0.0]),
)
@example(0, ["502=2"], [], 0.05)
@example(1, ["drop=1"], [], 0.05)
@example(1, ["html=3", "503=2"], [Deed(0.2, True)], 0.05)
@example(0, ["noid=1"], [], 0.0)
@example(2, ["cut=3", "no-range", "expire"], [], 0.05)
@example(1, ["gone"], [Deed(0.3, True)], 0.05)
@example(3, ["fail=plain", "poll-drop=2"], [Deed(0.1, False)], 0.05)
def test_paid_once_and_never_lost(
    bench: Bench, dialect: int, faults: list[str], deeds: list[Deed], uncertain_limit: float
) -> None:
    number, gateway = next(bench.numbers), bench.gateways[dialect]
    prompt = " ".join([f"request {number}", *(f"sandbox:{fault}" for fault in faults)])
    person = Person(gateway, bench.folder / str(number), prompt, uncertain_limit)
    try:
        with listening() as lines:
            content, errors = asyncio.run(play(person, deeds))
        event("a track" if content else type(errors[-1]).__name__)
        check(person, bench.submits, faults, content, errors)
        for error in errors:
            assert_named(person, error)
        assert_secret(person, errors, lines)
    finally:
        person.stop()


def check(
    person: Person,
    submits: Submits,
    faults: list[str],
    content: bytes | None,
    errors: list[GatewayError],
) -> None:
    prompt = person.request.prompt
    names = {fault.partition("=")[0] for fault in faults}
    rows = person.rows()
    alive = [row for row in rows if not row.state.is_dead]
    assert len(alive) <= 1

    # The money. Without idempotency a repeat may cost once more, which the ledger has counted.
    repeats = sum(row.repeats for row in rows)
    honoured = person.gateway.profile.dialect.honours_idempotency_key
    assert person.charges() <= len(alive) + (0 if honoured else repeats)
    prices = 0.001 * (len(alive) + sum(row.repeats for row in alive))
    assert person.account.library.ledger.spent() == pytest.approx(prices)
    # The ledger has counted each submit that the gateway may have accepted.
    assert submits.open[prompt] <= sum(1 + row.repeats for row in rows)

    # The way out.
    uncertain = [error for error in errors if isinstance(error, UncertainSubmitError)]
    if content is not None:
        assert not uncertain or person.settings.uncertain_limit
        assert content == expected(person, "truncated" in names)
        assert alive[0].state is State.COMPLETED
        assert not names & set(REFUSED)
        return
    assert errors
    last = errors[-1]
    if isinstance(last, UncertainSubmitError):
        assert alive[0].state is State.UNCERTAIN
        assert str(last) == str(errors[-2])
        # Asking again buys nothing: the person has to decide. A submit that the gateway certainly
        # refused leaves the one repeat open.
        before = submits.open[prompt]
        with pytest.raises(UncertainSubmitError):
            asyncio.run(person.ask())
        assert submits.open[prompt] == before
        return
    # What ends otherwise is what no patience overcomes.
    assert names & {"fail", "fail-nth", "cancelled", *SPOILED, *REFUSED}
    if names & set(REFUSED):
        assert alive == []
        assert person.charges() == 0


def expected(person: Person, is_truncated: bool) -> bytes:
    """What the sandbox renders for the row that was bought."""
    return _rendered(person.gateway, person.request.prompt, is_truncated)


def _rendered(gateway: Sandbox, prompt: str, is_truncated: bool) -> bytes:
    job = next(job for job in gateway._book if job.request.prompt == prompt)
    content = tone(job.delivered)
    return content[: len(content) // 2] if is_truncated else content


def test_every_card_is_dealt() -> None:
    dealt = {name.partition("=")[0] for name in COUNTED + REFUSED + ENDS + SPOILED + OTHER}
    assert dealt | OF_OTHER_TESTS == set(CARDS)


class Parrot(http.server.BaseHTTPRequestHandler):
    """A gateway that quotes the key in whatever it says."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        message = f"Incorrect API key provided: {self.headers['Authorization']}"
        self._answer(401, {"error": {"message": message, "code": KEY}})

    def do_GET(self) -> None:
        self._answer(200, {"id": "job_1", "status": "failed", "error": f"The key {KEY} is bad"})

    def _answer(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.mark.slow
async def test_a_key_that_the_gateway_quotes_is_not_repeated(tmp_path: Path) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Parrot)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    library = Library(tmp_path)
    account = Account("test", base_url, ApiKey(KEY, "a test"), library, TIMING)
    try:
        request = MusicRequest("piano", 5.0)
        with pytest.raises(AuthenticationError, match=f"provided: Bearer …{KEY[-4:]}") as refused:
            await account.submit(request, Settings(), run="run")
        job = await account.pick_up("job_1")
        with pytest.raises(JobFailedError, match=f"The key …{KEY[-4:]} is bad") as failed:
            await account.wait(job, timeout=9, progress=lambda progress: None)
    finally:
        account.close()
        library.close()
        server.shutdown()
        server.server_close()
    for caught in (refused, failed):
        assert KEY not in "".join(traceback.format_exception(caught.value))
        assert KEY not in repr(vars(caught.value))
    assert_not_in_files(tmp_path)
