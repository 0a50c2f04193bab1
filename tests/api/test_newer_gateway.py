"""What the gateway says since autumn 2026: names of faults, a cache, jobs without a file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ...api.base.errors import (
    AuthenticationError,
    BadGatewayError,
    MissingFileError,
    UncertainSubmitError,
)
from ...api.base.request import MusicRequest
from ...api.money.job import State
from ...api.settings import Settings
from ...api.wire.key import ApiKey
from ...api.wire.protocol import ErrorBody
from ...api.wire.status_errors import status_error
from ...sandbox.profile import Dialect, Profile
from ...sandbox.server import Sandbox
from ..gateway import SCALE, account_on, rows_of, running
from .test_jobs import content, finish

KEY = ApiKey("sk-aig-tests", "a test")
CAREFUL = Settings(uncertain_limit=0)


def piano(words: str = "", take: int = 1) -> MusicRequest:
    return MusicRequest(f"piano {words}", 5.0, format="wav", take=take)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running() as sandbox:
        yield sandbox


def error(status: int, code: str, key: ApiKey | None = KEY) -> str:
    return str(status_error(status, ErrorBody(code), retry_after=None, key=key, job_id=None))


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("502", "The provider of the model failed (provider_error)"),
        ("504", "The model did not answer the gateway in time (timeout_error)"),
    ],
)
async def test_a_fault_behind_the_gateway_is_named_and_may_have_been_charged(
    sandbox: Sandbox, tmp_path: Path, fault: str, sentence: str
) -> None:
    with account_on(sandbox, tmp_path) as account:
        with pytest.raises(UncertainSubmitError, match=re.escape(sentence)) as caught:
            await account.submit(piano(f"sandbox:{fault}"), CAREFUL, run="run")
        assert caught.value.may_have_been_charged
        assert rows_of(account)[0].state is State.UNCERTAIN


@pytest.mark.parametrize("status", [502, 504])
def test_a_proxy_without_words_is_still_a_proxy(status: int) -> None:
    assert f"A proxy of the gateway gave up ({status})" in error(status, "")
    assert isinstance(
        status_error(status, ErrorBody("timeout_error"), retry_after=None, key=KEY, job_id=None),
        BadGatewayError,
    )


@pytest.mark.parametrize("code", ["key_expired", "expired_key", "key_rotated", "revoked"])
def test_a_key_that_was_accepted_before(code: str) -> None:
    assert "the API key (rotated or expired?): check the one from a test" in error(401, code)


@pytest.mark.parametrize("code", ["", "invalid_key", "authentication_error"])
def test_a_key_that_is_wrong(code: str) -> None:
    assert "does not accept the API key: check the one from a test" in error(401, code)


async def test_the_sandbox_says_that_a_key_has_expired(sandbox: Sandbox, tmp_path: Path) -> None:
    with account_on(sandbox, tmp_path, key="sk-aig-tests") as account:
        with pytest.raises(AuthenticationError, match=r"rotated or expired\?"):
            await account.submit(piano("sandbox:401=expired"), Settings(), run="run")
        with pytest.raises(AuthenticationError, match="the API key: check"):
            await account.submit(piano("sandbox:401"), Settings(), run="run")


async def test_a_transcription_is_no_lost_track(sandbox: Sandbox, tmp_path: Path) -> None:
    with account_on(sandbox, tmp_path / "one") as one, account_on(sandbox, tmp_path / "two") as two:
        job = await one.submit(piano("sandbox:transcript"), Settings(), run="run")
        assert job.job_id is not None
        # Its own account waits for music, and learns that there is none.
        with pytest.raises(MissingFileError, match="is a transcription, not music"):
            await finish(one, job)
        assert rows_of(one)[0].state.is_dead
        # Somebody pastes its id into Poll Job on another machine.
        with pytest.raises(MissingFileError, match=f"{job.job_id} is a transcription") as caught:
            await two.pick_up(job.job_id)
        assert caught.value.job_id == job.job_id
        assert not rows_of(two)


@pytest.mark.parametrize("skips", [True, False])
async def test_another_take_is_made_anew(tmp_path: Path, skips: bool) -> None:
    profile = Profile(dialect=Dialect(caches=True)).scaled(SCALE)
    made: list[bytes] = []
    with running(profile) as sandbox, account_on(sandbox, tmp_path, skip_cache=skips) as account:
        for take in (1, 2):
            job = await account.submit(piano("calm", take), Settings(), run="run")
            made.append(await content(account, await finish(account, job)))
    assert all(made)
    assert (made[0] != made[1]) is skips
