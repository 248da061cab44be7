"""Keeping a lease: renewed in time, and lost only when somebody else has it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from scripts import lease
from scripts.artifacts import Bucket
from scripts.errors import UserError

KEY = "retraining/lease.json"
OUTAGE = EndpointConnectionError(endpoint_url="https://s3.example")
LASTS_S = 120.0


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RETRY_S", 0.0)


def hold(bucket: Bucket, **options: Any) -> Any:
    return lease.hold(bucket, KEY, "retraining", **{"renew_s": 3600.0, **options})


def document(bucket: Bucket) -> dict[str, Any]:
    found = bucket.read_json(KEY)
    assert found is not None
    return dict(found)


def take(bucket: Bucket) -> None:
    """The lease is in somebody else's hands."""
    bucket.write_json(KEY, document(bucket) | {"token": "theirs"})


def test_a_lease_is_renewed_while_the_block_runs(bucket: Bucket) -> None:
    with hold(bucket, renew_s=0.01):
        deadline = time.monotonic() + 10
        while document(bucket)["renewals"] < 3:
            assert time.monotonic() < deadline


def test_nothing_is_renewed_after_the_block(bucket: Bucket, aws: Any) -> None:
    with hold(bucket, renew_s=0.01):
        pass
    made = len(aws.made("PutObject"))
    time.sleep(0.1)
    assert len(aws.made("PutObject")) <= made + 1  # one that was on its way
    assert bucket.keys("") == []


def test_no_thread_is_left_after_the_block(bucket: Bucket) -> None:
    before = set(threading.enumerate())
    with hold(bucket, renew_s=3600.0):
        (heartbeat,) = set(threading.enumerate()) - before
    heartbeat.join(10)
    assert not heartbeat.is_alive()


def test_every_write_has_an_etag_of_its_own(bucket: Bucket) -> None:
    seen = set()
    for _ in range(2):
        with hold(bucket) as held:
            for _ in range(3):
                seen.add(bucket.s3.head_object(Bucket=bucket.name, Key=KEY)["ETag"])
                held.check()
    assert len(seen) == 6


def test_a_check_renews(bucket: Bucket) -> None:
    with hold(bucket) as held:
        held.check()
        assert document(bucket)["renewals"] == 1


def test_losing_the_lease_stops_the_work_and_spares_the_new_holder(bucket: Bucket) -> None:
    with hold(bucket) as held:
        take(bucket)
        for _ in range(2):  # it stays lost
            with pytest.raises(UserError, match="no longer held by this retraining") as caught:
                held.check()
            assert "\n" not in str(caught.value)
    assert document(bucket)["token"] == "theirs"


def test_a_lease_that_was_removed_is_lost(bucket: Bucket) -> None:
    with hold(bucket) as held:
        bucket.s3.delete_object(Bucket=bucket.name, Key=KEY)
        with pytest.raises(UserError, match="no longer held"):
            held.check()
    assert bucket.keys("") == []


def test_what_the_heartbeat_found_lost_stays_lost(bucket: Bucket) -> None:
    with hold(bucket, renew_s=0.01) as held:
        take(bucket)
        deadline = time.monotonic() + 10
        while not held._is_lost:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        bucket.s3.delete_object(Bucket=bucket.name, Key=KEY)  # the other one has ended
        with pytest.raises(UserError, match="no longer held"):
            held.check()


def test_a_lease_that_lapsed_unnoticed_is_still_held(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hold(bucket) as held:
        later_s = lease._now_s() + 10 * LASTS_S
        monkeypatch.setattr(lease, "_now_s", lambda: later_s)
        held.check()


def test_an_outage_stops_the_work_only_when_the_lease_may_have_lapsed(
    bucket: Bucket, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hold(bucket, lasts_s=LASTS_S) as held:
        aws.answers["PutObject"] = OUTAGE
        began_s = lease._now_s()
        monkeypatch.setattr(lease, "_now_s", lambda: began_s + LASTS_S - 1)
        held.check()
        monkeypatch.setattr(lease, "_now_s", lambda: began_s + LASTS_S)
        with pytest.raises(UserError, match=re.escape(f"{KEY} could not be renewed in time")):
            held.check()
        del aws.answers["PutObject"]
        held.check()


def test_the_heartbeat_outlives_an_outage(bucket: Bucket, aws: Any) -> None:
    tried = threading.Semaphore(0)

    def fail(_: Any) -> None:
        tried.release()
        raise OUTAGE

    with hold(bucket, renew_s=0.01):
        aws.answers["PutObject"] = fail
        assert all(tried.acquire(timeout=10) for _ in range(2))
        del aws.answers["PutObject"]
        before = document(bucket)["renewals"]
        deadline = time.monotonic() + 10
        while document(bucket)["renewals"] <= before:
            assert time.monotonic() < deadline


def test_an_answer_that_got_lost_is_not_taken_for_another_holder(
    bucket: Bucket, aws: Any, aws_error: Callable[..., ClientError]
) -> None:
    """A client repeats a write whose answer got lost, and meets its own first one."""

    def repeated(request: dict[str, Any]) -> Any:
        del aws.answers["PutObject"]
        bucket.s3.put_object(**request)
        raise aws_error("PreconditionFailed", status=412)

    aws.answers["PutObject"] = repeated
    with hold(bucket) as held:
        aws.answers["PutObject"] = repeated
        held.check()
        held.check()
    assert bucket.keys("") == []


def test_a_conflict_while_renewing_is_tried_again(
    bucket: Bucket, aws: Any, aws_error: Callable[..., ClientError]
) -> None:
    def conflict(_: Any) -> None:
        del aws.answers["PutObject"]
        raise aws_error("ConditionalRequestConflict", status=409)

    with hold(bucket) as held:
        aws.answers["PutObject"] = conflict
        held.check()
        assert document(bucket)["renewals"] == 2


def test_the_clock_of_a_lease_is_not_the_calendar_that_people_set() -> None:
    before_s = lease._now_s()
    time.sleep(0.01)
    assert 0.01 <= lease._now_s() - before_s < 10
    assert abs(time.time() - before_s) > 1e8
