"""Every documented dialect of the wire format is read; everything else is named."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from ...api.base.errors import InputError, ProtocolError
from ...api.base.request import AS_GIVEN, DEFAULT_MODEL, INSTRUMENTAL, MODEL_WRITES, MusicRequest
from ...api.wire.addresses import normalized_base_url
from ...api.wire.protocol import JobStatus, Model, parse_error, parse_job, parse_models
from ...api.wire.rate_limit import moment_in, retry_after

BASE = "https://api.example/v1"


@pytest.mark.parametrize(
    "result",
    [
        {"result": {"url": "https://media.example/a.mp3", "duration": 30.0}},
        {"result": {"file_url": "https://media.example/a.mp3", "duration": "30"}},
        {"result_url": "https://media.example/a.mp3", "result": {"duration": 30}},
    ],
)
def test_a_result_is_found_in_all_three_places(result: dict[str, object]) -> None:
    record = parse_job({"id": "job_1", "status": "completed", **result}, BASE)
    assert record.result_url == "https://media.example/a.mp3"
    assert record.duration == 30.0


@pytest.mark.parametrize(
    ("body", "job_id"),
    [
        ({"id": 12}, "12"),
        ({"id": 0}, "0"),
        ({"id": "\ud800", "job_id": "job_1"}, "job_1"),
        ({"id": None, "job_id": "job_1"}, "job_1"),
        ({"id": "作业-1"}, "作业-1"),
    ],
)
def test_an_id_is_found_where_an_address_can_hold_it(body: object, job_id: str) -> None:
    assert parse_job(body, BASE).id == job_id


@pytest.mark.parametrize("url", ["http://[", "\ud800", "https://a/\nb", 5, ["https://a/b"], ""])
def test_an_address_that_is_none_is_left_out(url: object) -> None:
    assert parse_job({"id": "j", "result": {"url": url}}, BASE).result_url is None


@pytest.mark.parametrize("seconds", [10**400, "1e999", "nan", -1, "x", True, [], 1e9])
def test_a_length_that_is_none_is_left_out(seconds: object) -> None:
    assert parse_job({"id": "j", "result": {"duration": seconds}}, BASE).duration is None


def test_a_relative_result_belongs_to_the_api_host() -> None:
    record = parse_job({"id": "j", "status": "completed", "result_url": "/v1/files/jobs/j/a"}, BASE)
    assert record.result_url == "https://api.example/v1/files/jobs/j/a"


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("queued", JobStatus.QUEUED),
        ("running", JobStatus.RUNNING),
        ("processing", JobStatus.RUNNING),
        ("polishing", JobStatus.RUNNING),
        (None, JobStatus.RUNNING),
        ("completed", JobStatus.COMPLETED),
        ("failed", JobStatus.FAILED),
        ("cancelled", JobStatus.CANCELLED),
    ],
)
def test_an_unknown_status_means_still_going(word: str | None, status: JobStatus) -> None:
    assert parse_job({"id": "j", "status": word}, BASE).status is status


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ({"code": "generation_failed", "message": "No."}, "No. (generation_failed)"),
        ("No.", "No."),
        (None, None),
    ],
)
def test_a_failure_is_read_as_object_and_as_string(error: object, sentence: str | None) -> None:
    record = parse_job({"id": "j", "status": "failed", "error": error}, BASE)
    assert record.error == sentence


@pytest.mark.parametrize(
    "body",
    [
        *(None, [], "ok", 7, {}, {"id": ""}, {"id": None}, {"id": True}, {"id": -1}, {"id": 3.5}),
        *({"id": "\ud800"}, {"id": "x" * 70_000}, {"id": "a\nb"}, {"id": ".."}, {"id": " "}),
        *({"id": "\u202eb"}, {"id": 10**400}, {"id": ["job_1"]}, {"id": {"id": "job_1"}}),
    ],
)
def test_a_record_without_an_id_is_a_fault_of_the_gateway(body: object) -> None:
    with pytest.raises(ProtocolError, match="fault of the gateway"):
        parse_job(body, BASE)


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        ({"error": {"message": "m", "type": "t", "code": 402}}, "t", "m"),
        ({"error": {"message": "m", "type": "t", "code": "word"}}, "word", "m"),
        ({"error": "plain"}, "", "plain"),
        ({"error": {"message": 5}}, "", ""),
        ("<html>", "", ""),
    ],
)
def test_error_envelopes(body: object, code: str, reason: str) -> None:
    assert parse_error(body) == (code, reason)


def test_the_catalogue_gives_ids_and_prices_where_there_are_any() -> None:
    body = {"data": [{"id": "a", "pricing": {"per_second": 0.5}}, {"id": "b"}, {"no": 1}, "x"]}
    assert parse_models(body) == [Model("a", 0.5), Model("b", None)]
    with pytest.raises(ProtocolError):
        parse_models({"data": "nothing"})


@pytest.mark.parametrize(
    ("entry", "price"),
    [
        ({"pricing": {"per_second": 0.00001, "audio_second": "0.8"}}, 0.8),
        ({"pricing": {"per_second": 0}, "price_per_second": 0.8}, 0.8),
        ({"pricing": {"unit": "second", "price": 0.8, "per_second": "free"}}, 0.8),
        ({"pricing": {"unit": "USD / audio second", "price": 0.8}}, 0.8),
        ({"pricing": {"unit": "per_second", "price": 0.8}}, 0.8),
        ({"pricing": {"unit": "millisecond", "price": 0.0008}}, None),
        ({"pricing": {"unit": "10 seconds", "price": 0.00001}}, None),
        ({"pricing": {"unit": "per", "price": 0.8}}, None),
        ({"pricing": {"unit": 1, "price": 0.8}}, None),
    ],
)
def test_the_price_of_a_model_is_the_highest_that_its_entry_has_for_one_second(
    entry: dict[str, object], price: float | None
) -> None:
    assert parse_models([{"id": "a", **entry}]) == [Model("a", price)]


def test_retry_after_is_seconds_or_a_date() -> None:
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert retry_after({"retry-after": "2.5"}) == 2.5
    assert retry_after({"retry-after": "-1"}) == 0
    in_a_minute = format_datetime(now + timedelta(seconds=60), usegmt=True)
    assert retry_after({"retry-after": in_a_minute}, now) == 60
    assert retry_after({"retry-after": "soon"}) is None
    assert retry_after({"retry-after": "nan"}) is None
    assert retry_after({"retry-after": "Mon, 99 Foo 2026"}) is None
    assert retry_after({}) is None


@pytest.mark.parametrize("clock", [timedelta(hours=-2), timedelta(days=-400), timedelta(days=9999)])
def test_a_date_is_measured_against_the_date_of_its_answer(clock: timedelta) -> None:
    said = datetime(2026, 1, 1, tzinfo=timezone.utc)
    headers = {
        "date": format_datetime(said, usegmt=True),
        "retry-after": format_datetime(said + timedelta(seconds=30), usegmt=True),
    }
    assert retry_after(headers, said + clock) == 30


@pytest.mark.parametrize("seconds", [0.0, 86400.0, 1e12, 1e300])
def test_every_wait_has_a_moment_for_people(seconds: float) -> None:
    wait = retry_after({"retry-after": repr(seconds)})
    assert wait is not None
    assert ":" in moment_in(wait)


@pytest.mark.parametrize(
    "url", ["https://a.sh", "https://a.sh/", "https://a.sh/v1", "https://a.sh/v1/"]
)
def test_a_base_url_is_good_with_and_without_its_version(url: str) -> None:
    assert normalized_base_url(url) == "https://a.sh/v1"


@pytest.mark.parametrize("url", ["", "a.sh", "ftp://a.sh", "http://"])
def test_a_base_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InputError, match="AIGATEWAY_BASE_URL"):
        normalized_base_url(url)


@pytest.mark.parametrize(
    ("request_", "part"),
    [
        (MusicRequest("  "), "prompt is empty"),
        (MusicRequest("p", 4.9), "5 to 240"),
        (MusicRequest("p", 240.1), "5 to 240"),
        (MusicRequest("p", float("nan")), "5 to 240"),
        (MusicRequest("p", format="ogg"), "mp3 or wav"),
        (MusicRequest("p", model=" "), "model is empty"),
    ],
)
def test_a_wrong_request_is_named_in_one_sentence(request_: MusicRequest, part: str) -> None:
    with pytest.raises(InputError, match=part) as caught:
        request_.validated()
    assert "\n" not in str(caught.value)


def test_the_fingerprint_is_of_everything_that_makes_the_piece() -> None:
    request = MusicRequest("p", 30, "l", "mp3", "m", 1)
    others = [
        request._replace(prompt="q"),
        request._replace(duration=31),
        request._replace(lyrics=""),
        request._replace(format="wav"),
        request._replace(model="n"),
        request._replace(take=2),
        request._replace(words=MODEL_WRITES),
    ]
    prints = {other.fingerprint("live") for other in [request, *others]}
    assert len(prints) == 8
    assert request.fingerprint("live") not in {request.fingerprint("sandbox")}
    assert MusicRequest(" p ", 30.0, " l").validated().fingerprint("s") == (
        MusicRequest("p", 30, "l").validated().fingerprint("s")
    )


def test_requests_of_old_workflows_keep_their_fingerprint() -> None:
    """The ledgers of before have this one; another one would buy the track again."""
    request = MusicRequest("warm piano", 30.0, "la la", "mp3", DEFAULT_MODEL, 3).validated()
    print_of_before = "42cc6d1e14b99b463be142d9daa3879f796f67a4ec9cc4a53a5108e90ae6b559"
    assert request.fingerprint("live") == print_of_before


@pytest.mark.parametrize(
    ("lyrics", "words", "sent"),
    [
        ("la", AS_GIVEN, {"lyrics": "la", "lyrics_optimizer": False}),
        ("", AS_GIVEN, {"is_instrumental": True}),
        ("la", INSTRUMENTAL, {"is_instrumental": True}),
        ("", INSTRUMENTAL, {"is_instrumental": True}),
        ("", MODEL_WRITES, {"is_instrumental": False}),
    ],
)
def test_what_is_sung_is_said_in_the_request(lyrics: str, words: str, sent: dict) -> None:
    body = MusicRequest("p", lyrics=lyrics, words=words).validated().body()
    names = ("lyrics", "lyrics_optimizer", "is_instrumental")
    assert {name: body[name] for name in names if name in body} == sent


def test_an_instrumental_piece_is_bought_once_in_whatever_way_it_is_asked_for() -> None:
    forms = {
        MusicRequest("p", lyrics=lyrics, words=words).validated()
        for lyrics, words in (("", AS_GIVEN), ("", INSTRUMENTAL), ("la", INSTRUMENTAL))
    }
    assert len(forms) == 1


def test_the_model_writes_only_where_no_lyrics_are_given() -> None:
    with pytest.raises(InputError, match="remove the lyrics"):
        MusicRequest("p", lyrics="la", words=MODEL_WRITES).validated()
    with pytest.raises(InputError, match="words is “sing”"):
        MusicRequest("p", words="sing").validated()


@pytest.mark.parametrize("lyrics", ["", "la"])
def test_nothing_is_sent_that_no_source_names_or_that_is_not_used(lyrics: str) -> None:
    body = set(MusicRequest("p", lyrics=lyrics).body())
    named = {"model", "prompt", "duration", "format", "lyrics", "lyrics_optimizer"}
    assert body <= {*named, "is_instrumental"}


def test_the_take_is_ours_and_not_the_gateways() -> None:
    assert MusicRequest("p", take=3).body() == MusicRequest("p", take=4).body()
    assert MusicRequest("p").body()["is_instrumental"] is True
    assert "is_instrumental" not in MusicRequest("p", lyrics="la").body()
