"""A lease: one holder at a time, and none for ever."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from scripts import lease, witness
from scripts.artifacts import Bucket
from scripts.errors import UserError

KEY = "retraining/lease.json"
OUTAGE = EndpointConnectionError(endpoint_url="https://s3.example")
LASTS_S = 120.0
# Somebody on another machine, whose process here would be gone.
ELSEWHERE = lease.Holder(
    purpose="retraining",
    host="build-3",
    pid=2**22 + 1,
    machine="another machine",
    process="123",
    token="theirs",
    started_at="2026-11-03T14:02:11+00:00",
    lasts_s=LASTS_S,
)


@dataclass
class Clock:
    """What S3 says of the lease's age; None: S3 does not tell the time."""

    age_s: float | None = 0.0


@pytest.fixture
def clock(bucket: Bucket) -> Iterator[Clock]:
    """S3's clock, as every answer carries it."""
    state = Clock()

    def date(parsed: dict[str, Any], **_: Any) -> None:
        now = datetime(2026, 11, 3, 15, 0, 0, tzinfo=UTC)
        parsed["LastModified"] = now - timedelta(seconds=state.age_s or 1e6)
        if state.age_s is not None:
            parsed["LastModified"] = now - timedelta(seconds=state.age_s)
            headers = parsed["ResponseMetadata"]["HTTPHeaders"]
            headers["date"] = format_datetime(now, usegmt=True)

    bucket.s3.meta.events.register("after-call.s3.GetObject", date)
    yield state
    bucket.s3.meta.events.unregister("after-call.s3.GetObject", date)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RETRY_S", 0.0)


@pytest.fixture
def write(bucket: Bucket) -> Callable[[lease.Holder], None]:
    """write(holder): the lease is in somebody's hands."""
    return lambda holder: bucket.write_json(KEY, asdict(holder))


@pytest.fixture
def child() -> Any:
    """A living process of this machine, as a holder of the lease."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def of_process(process: subprocess.Popen[bytes]) -> lease.Holder:
    started = witness.start_of(process.pid)
    return replace(ELSEWHERE, machine=witness.machine(), pid=process.pid, process=started)


def hold(bucket: Bucket, **options: Any) -> Any:
    return lease.hold(bucket, KEY, "retraining", **{"renew_s": 3600.0, **options})


def refusal(bucket: Bucket) -> str:
    with pytest.raises(UserError) as caught, hold(bucket):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def document(bucket: Bucket) -> dict[str, Any]:
    found = bucket.read_json(KEY)
    assert found is not None
    return dict(found)


# Holding and releasing


def test_the_holder_is_told_while_the_block_runs_and_nothing_is_left_after_it(
    bucket: Bucket,
) -> None:
    with hold(bucket):
        found = document(bucket)
        assert found["purpose"] == "retraining"
        assert found["machine"] == witness.machine()
        assert found["process"] == witness.start_of(found["pid"])
        assert datetime.fromisoformat(found["started_at"]).tzinfo is not None
    assert bucket.keys("") == []


def test_a_block_that_fails_releases_the_lease(bucket: Bucket) -> None:
    with pytest.raises(KeyboardInterrupt), hold(bucket):
        raise KeyboardInterrupt
    assert bucket.keys("") == []


def test_a_release_that_fails_does_not_hide_what_the_block_did(bucket: Bucket, aws: Any) -> None:
    aws.answers["DeleteObject"] = OUTAGE
    with pytest.raises(ValueError, match="of the block"), hold(bucket):
        raise ValueError("of the block")
    assert len(aws.made("DeleteObject")) == 1


def test_one_after_the_other_may_hold_it(bucket: Bucket) -> None:
    for _ in range(2):
        with hold(bucket):
            pass
    assert bucket.keys("") == []


def test_leases_at_other_keys_are_independent(bucket: Bucket) -> None:
    with hold(bucket), lease.hold(bucket, "another.json", "removal") as other:
        other.check()


def test_a_fault_that_no_person_made_is_not_disguised(
    bucket: Bucket, aws: Any, aws_error: Callable[..., ClientError]
) -> None:
    aws.answers["PutObject"] = aws_error("AccessDenied", status=403)
    with pytest.raises(ClientError, match="AccessDenied"), hold(bucket):
        pass


# Who is refused, and who takes over


def test_a_second_holder_is_told_who_has_it_since_when_and_until_when(
    bucket: Bucket, clock: Clock, write: Any
) -> None:
    write(ELSEWHERE)
    clock.age_s = 30
    assert refusal(bucket) == (
        f"Another retraining is under way: process {ELSEWHERE.pid} on build-3 began it at "
        "2026-11-03T14:02:11+00:00. Run this again when that has ended; if it has died, from "
        "2026-11-03T15:01:45+00:00 on (in 105 s)."
    )
    assert document(bucket)["token"] == "theirs"


def test_the_same_process_does_not_hold_it_twice(bucket: Bucket, clock: Clock) -> None:
    with hold(bucket) as held:
        assert "Another retraining is under way" in refusal(bucket)
        held.check()


def test_a_lease_that_has_lapsed_is_taken_over(bucket: Bucket, clock: Clock, write: Any) -> None:
    write(ELSEWHERE)
    clock.age_s = LASTS_S + lease.MARGIN_S + 1
    with hold(bucket):
        assert document(bucket)["token"] != "theirs"


def test_a_lease_is_not_taken_over_within_the_margin(
    bucket: Bucket, clock: Clock, write: Any
) -> None:
    write(ELSEWHERE)
    clock.age_s = LASTS_S + lease.MARGIN_S - 1
    assert "Another retraining is under way" in refusal(bucket)


def test_how_long_a_lease_lasts_is_what_its_holder_says(
    bucket: Bucket, clock: Clock, write: Any
) -> None:
    write(replace(ELSEWHERE, lasts_s=1000.0))
    clock.age_s = LASTS_S + lease.MARGIN_S + 1
    assert "Another retraining is under way" in refusal(bucket)


def test_the_machines_own_clock_has_no_say(
    bucket: Bucket, clock: Clock, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By this machine's clock the lease is as old as S3's fixed date, years before or after."""
    write(replace(ELSEWHERE, started_at="1999-01-01T00:00:00+00:00"))
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert "Another retraining is under way" in refusal(bucket)


def test_without_s3s_word_for_the_time_no_lease_is_taken_for_lapsed(
    bucket: Bucket, clock: Clock, write: Any
) -> None:
    write(ELSEWHERE)
    clock.age_s = None
    assert "Another retraining is under way" in refusal(bucket)


def test_the_lease_of_a_killed_process_of_this_machine_is_taken_over_at_once(
    bucket: Bucket, clock: Clock, write: Any, child: Any
) -> None:
    write(of_process(child))
    child.kill()
    child.wait()
    with hold(bucket) as held:
        held.check()
    assert bucket.keys("") == []


def test_the_lease_of_a_living_process_of_this_machine_is_not(
    bucket: Bucket, clock: Clock, write: Any, child: Any
) -> None:
    write(of_process(child))
    assert f"process {child.pid} on" in refusal(bucket)


def test_a_process_that_got_the_same_id_does_not_keep_the_lease_alive(
    bucket: Bucket, clock: Clock, write: Any, child: Any
) -> None:
    write(replace(of_process(child), process="another start"))
    with hold(bucket) as held:
        held.check()


def test_a_process_of_another_machine_is_not_looked_for_here(
    bucket: Bucket, clock: Clock, write: Any
) -> None:
    write(ELSEWHERE)
    assert "on build-3" in refusal(bucket)


def test_machines_that_cannot_tell_who_they_are_are_not_the_same(
    bucket: Bucket, clock: Clock, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witness, "machine", lambda: "")
    write(replace(ELSEWHERE, machine=""))
    assert "on build-3" in refusal(bucket)


def test_of_two_that_take_over_at_once_the_second_is_refused(
    bucket: Bucket, clock: Clock, write: Any, aws: Any
) -> None:
    write(ELSEWHERE)
    clock.age_s = LASTS_S + lease.MARGIN_S + 1

    def second(request: dict[str, Any]) -> Any:
        del aws.answers["PutObject"]
        write(replace(ELSEWHERE, host="build-4", token="quicker"))
        clock.age_s = 0.0
        return bucket.s3.put_object(**request)

    aws.answers["PutObject"] = second
    assert "on build-4" in refusal(bucket)
    assert document(bucket)["token"] == "quicker"


def test_of_two_that_begin_at_once_the_second_is_refused(
    bucket: Bucket, clock: Clock, write: Any, aws: Any
) -> None:
    def second(request: dict[str, Any]) -> Any:
        del aws.answers["PutObject"]
        write(ELSEWHERE)
        return bucket.s3.put_object(**request)

    aws.answers["PutObject"] = second
    assert "on build-3" in refusal(bucket)


def test_a_lease_that_never_rests_is_given_up(
    bucket: Bucket, aws: Any, aws_error: Callable[..., ClientError]
) -> None:
    aws.answers["PutObject"] = aws_error("ConditionalRequestConflict", status=409)
    assert "changes all the time: run this again" in refusal(bucket)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"purpose": "retraining"}'])
def test_what_is_no_lease_is_not_touched(bucket: Bucket, body: bytes) -> None:
    bucket.s3.put_object(Bucket=bucket.name, Key=KEY, Body=body)
    assert f"s3://scones-dev-artifacts/{KEY} is no lease" in refusal(bucket)
    assert bucket.s3.get_object(Bucket=bucket.name, Key=KEY)["Body"].read() == body


@pytest.mark.parametrize("change", [{"pid": "1"}, {"lasts_s": None}, {"machine": 7}])
def test_a_lease_with_a_wrong_field_is_none(
    bucket: Bucket, clock: Clock, change: dict[str, Any]
) -> None:
    bucket.write_json(KEY, asdict(ELSEWHERE) | change)
    assert "is no lease" in refusal(bucket)


def test_a_holder_is_read_as_it_is_written() -> None:
    assert lease._holder(json.loads(json.dumps(asdict(ELSEWHERE)))) == ELSEWHERE
