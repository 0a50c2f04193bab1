"""The purchase of an answer: paid at most once, stored, counted, and bounded."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from ...api.account import Account
from ...api.base.errors import (
    BudgetError,
    CreditsError,
    InputError,
    ProtocolError,
    RejectedError,
    SpendLimitError,
    UncertainSubmitError,
)
from ...api.base.question import VISION_MODEL, VISION_PRICES, Question, Transcription
from ...api.money.job import Job, State
from ...api.money.journal import LOG_NAME
from ...api.money.sqlite import FILE_NAME
from ...api.settings import Settings
from ...api.wire.protocol import MOST_ANSWER, parse_reply, parse_transcription
from ...sandbox.profile import Dialect, Profile
from ...sandbox.server import Sandbox
from ..gateway import SCALE, account_on, rows_of, running


def picture(color: tuple[int, int, int] = (10, 10, 90)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 32), color).save(out, "JPEG")
    return out.getvalue()


def question(words: str = "A clip of 9 s.", **changes: object) -> Question:
    asked = Question("describe", VISION_MODEL, "Write a brief.", words, (picture(),))
    return asked._replace(**changes)


RULES = Settings(base_url="http://127.0.0.1:1/v1")


async def ask(account: Account, words: str = "A clip of 9 s.", **changes: object) -> Job:
    settings = changes.pop("settings", RULES)
    assert isinstance(settings, Settings)
    return await account.ask(question(words, **changes), settings, run="run")


def lose_ledger(folder: Path) -> None:
    """Remove the database, and leave its log."""
    assert (folder / LOG_NAME).exists()
    for path in folder.glob(f"{FILE_NAME}*"):
        path.unlink()


def asked_of(sandbox: Sandbox) -> int:
    return sum(seen.path == "/v1/chat/completions" for seen in sandbox.seen)


async def test_the_answer_shows_that_the_picture_was_seen(account: Account) -> None:
    job = await ask(account)
    assert "64 x 32 pixels, dark and blue" in (job.answer or "")
    assert (job.state, job.kind) == (State.COMPLETED, "describe")
    assert 0 < (job.charged or 0) <= (job.price or 0) < 0.001


async def test_the_same_question_costs_nothing_and_another_one_does(
    account: Account, sandbox: Sandbox
) -> None:
    first, again = await ask(account), await ask(account)
    assert (first.local_id, first.answer) == (again.local_id, again.answer)
    assert len(sandbox.bill()["answers"]) == 1
    changes = [{"words": "Other."}, {"pictures": (picture((200, 1, 1)),)}, {"kind": "other"}]
    changes += [{"model": list(VISION_PRICES)[1]}]
    for change in changes:
        await account.ask(question()._replace(**change), RULES, run="run")
    assert len(sandbox.bill()["answers"]) == 5


async def test_questions_side_by_side_are_one_purchase(account: Account, sandbox: Sandbox) -> None:
    jobs = await asyncio.gather(*[ask(account) for _ in range(5)])
    assert len({job.local_id for job in jobs}) == 1
    assert len(sandbox.bill()["answers"]) == 1


async def test_another_process_has_the_stored_answer(sandbox: Sandbox, tmp_path: Path) -> None:
    with account_on(sandbox, tmp_path) as first:
        bought = await ask(first)
    with account_on(sandbox, tmp_path) as second:
        assert (await ask(second)).answer == bought.answer
    assert len(sandbox.bill()["answers"]) == 1


async def test_a_lost_ledger_has_the_answer_again_from_its_log(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    with account_on(sandbox, tmp_path) as first:
        bought = await ask(first)
    lose_ledger(tmp_path)
    with account_on(sandbox, tmp_path) as second:
        assert (await ask(second)).answer == bought.answer
    assert len(sandbox.bill()["answers"]) == 1


async def test_an_answer_counts_for_the_limits_and_is_no_track(account: Account) -> None:
    job = await ask(account)
    ledger = account.library.ledger
    assert ledger.counted(1.0, run="run") == pytest.approx(job.price)
    assert ledger.spent() == pytest.approx(job.charged)
    assert rows_of(account) == []
    assert ledger.page(limit=10).counts["all"] == 0


async def test_a_limit_stops_a_question_before_it_is_sent(
    account: Account, sandbox: Sandbox
) -> None:
    low = Settings(base_url=sandbox.base_url, spend_limit_per_run=0.0001)
    with pytest.raises(SpendLimitError, match="This answer costs about"):
        await ask(account, settings=low)
    assert asked_of(sandbox) == 0


async def test_a_model_without_eyes_is_refused_before_money(
    account: Account, sandbox: Sandbox
) -> None:
    with pytest.raises(InputError, match="not known to see pictures"):
        await ask(account, model="ibm-granite/granite-4.0-h-micro")
    assert asked_of(sandbox) == 0


@pytest.mark.parametrize(
    ("card", "error"), [("402", CreditsError), ("budget", BudgetError), ("400", RejectedError)]
)
async def test_a_refusal_costs_nothing_and_can_be_asked_again(
    account: Account, sandbox: Sandbox, card: str, error: type[Exception]
) -> None:
    for _ in range(2):
        with pytest.raises(error):
            await ask(account, f"A clip. sandbox:{card}")
    assert asked_of(sandbox) == 2
    assert account.library.ledger.counted(1.0, run="run") == 0


@pytest.mark.parametrize("card", ["429", "500", "503=2"])
async def test_a_fault_before_the_answer_is_repeated(
    account: Account, sandbox: Sandbox, card: str
) -> None:
    assert (await ask(account, f"A clip. sandbox:{card}")).answer
    assert len(sandbox.bill()["answers"]) == 1


@pytest.mark.parametrize("card", ["drop", "html", "502", "504", "long"])
async def test_a_lost_answer_is_asked_once_more_below_the_limit(
    account: Account, sandbox: Sandbox, card: str
) -> None:
    job = await ask(account, f"A clip. sandbox:{card}")
    assert (job.answer is not None, job.repeats) == (True, 1)
    assert asked_of(sandbox) == 2
    # The idempotency key is the same, so the gateway charges once; the limits count both.
    assert len(sandbox.bill()["answers"]) == 1
    counted = account.library.ledger.counted(1.0, run="run")
    assert counted == pytest.approx(2 * (job.price or 0))


@pytest.mark.parametrize("limit", [0.0, 0.00001])
async def test_a_lost_answer_above_the_limit_is_named_and_never_asked_again(
    account: Account, sandbox: Sandbox, limit: float
) -> None:
    careful = Settings(base_url=sandbox.base_url, uncertain_limit=limit)
    for _ in range(2):
        with pytest.raises(UncertainSubmitError, match="may have been charged"):
            await ask(account, "A clip. sandbox:drop=9", settings=careful)
    assert asked_of(sandbox) == 1


async def test_an_answer_that_is_lost_twice_is_uncertain_for_good(
    account: Account, sandbox: Sandbox
) -> None:
    for _ in range(2):
        with pytest.raises(UncertainSubmitError, match="also after one repeat"):
            await ask(account, "A clip. sandbox:drop=9")
    assert asked_of(sandbox) == 2


async def test_a_caller_that_leaves_does_not_stop_the_purchase(
    account: Account, sandbox: Sandbox
) -> None:
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(ask(account), 0.005)
    job = await ask(account)
    assert job.answer
    assert len(sandbox.bill()["answers"]) == 1


@pytest.fixture
def strict() -> Iterator[Sandbox]:
    profile = Profile(dialect=Dialect(takes_data_addresses=False)).scaled(SCALE)
    with running(profile) as sandbox:
        yield sandbox


async def test_a_gateway_that_takes_no_data_addresses_refuses_for_free(
    strict: Sandbox, tmp_path: Path
) -> None:
    with account_on(strict, tmp_path) as account:
        with pytest.raises(RejectedError, match="https://"):
            await ask(account)
        assert account.library.ledger.counted(1.0, run="run") == 0
    assert strict.bill()["answers"] == []


def test_the_price_is_a_bound_that_grows_with_words_and_pictures() -> None:
    bare = question(pictures=())
    assert (bare.price or 1) < (question().price or 0) < 0.001
    assert (question("word " * 2000).price or 0) > (question().price or 0)
    assert question(model="some/model").price is None


@pytest.mark.parametrize(
    "content",
    ["calm\n piano", [{"type": "text", "text": "calm"}, {"type": "text", "text": "piano"}]],
)
def test_a_reply_is_one_plain_line(content: object) -> None:
    body = {"choices": [{"message": {"content": content}}], "usage": {"cost": 0.0004}}
    reply = parse_reply(body, {"x-request-id": "req_1"})
    assert (reply.text, reply.cost, reply.request_id) == ("calm piano", 0.0004, "req_1")


def test_a_strangers_text_is_bounded_and_has_no_hidden_characters() -> None:
    text = "\x1b[31mcalm\u202e \x00piano" + "x" * 10_000
    reply = parse_reply({"choices": [{"message": {"content": text}}]})
    assert reply.text.startswith("calm piano")
    assert len(reply.text) <= MOST_ANSWER


# Transcriptions


def sound(**changes: object) -> Transcription:
    out = io.BytesIO()
    soundfile.write(out, np.zeros(16000), 16000, format="OGG", subtype="VORBIS")
    return Transcription(out.getvalue(), "digest", 1.0)._replace(**changes)


async def test_the_same_sound_is_transcribed_once_however_it_was_encoded(
    account: Account, sandbox: Sandbox
) -> None:
    async def answered(**changes: object) -> Job:
        return await account.ask(sound(**changes), RULES, run="run")

    first, again = await answered(), await answered(sound=sound().sound + b"\0")
    assert first.local_id == again.local_id
    assert (first.kind, first.answer) == ("transcribe", "[]")
    assert 0 < (first.charged or 0) <= (first.price or 0)
    for change in ({"digest": "other"}, {"language": "en"}, {"seconds": 2.0}):
        assert (await answered(**change)).local_id != first.local_id
    assert len(sandbox.bill()["answers"]) == 4


WORD = {"word": " Hello\n", "start": 1, "end": 1.5004}


@pytest.mark.parametrize(
    "body",
    [
        {"text": "Hello", "words": [WORD]},
        {"text": "Hello", "segments": [{"words": [WORD]}]},
        {"status": "completed", "result": {"transcript": {"text": "Hello", "words": [WORD]}}},
    ],
)
def test_each_documented_form_of_a_transcription_is_read(body: object) -> None:
    assert parse_transcription(body).text == '[["Hello",1.0,1.5]]'


@pytest.mark.parametrize(
    "word",
    ["Hello", {}, {**WORD, "start": None}, {**WORD, "end": 0.5}, {**WORD, "start": float("nan")},
     {**WORD, "start": True}, {**WORD, "end": float("inf")}, {**WORD, "word": 7}],
)  # fmt: skip
def test_a_word_without_usable_times_is_left_out(word: object) -> None:
    assert parse_transcription({"words": [word, WORD]}).text == '[["Hello",1.0,1.5]]'


@pytest.mark.parametrize("body", [{"text": "Hello"}, [], None, {"words": "Hello"}])
def test_a_transcription_without_times_is_a_fault_of_the_gateway(body: object) -> None:
    with pytest.raises(ProtocolError, match="no times of words"):
        parse_transcription(body)
