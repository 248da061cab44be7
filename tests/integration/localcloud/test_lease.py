"""Leases between processes, on an S3 that decides who is first."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scripts import lease
from scripts.artifacts import Bucket
from scripts.environment import ROOT
from scripts.errors import UserError

BUCKET = "leases"
TAKE = """
import os, sys, time
import boto3
from scripts import lease, witness
from scripts.artifacts import Bucket
from scripts.errors import UserError

url, key, machine, margin_s, lasts_s, renew_s = sys.argv[1:]
lease.MARGIN_S = float(margin_s)
if machine:
    witness.machine = lambda: machine
s3 = boto3.client("s3", endpoint_url=url, region_name="us-east-1",
                  aws_access_key_id="test", aws_secret_access_key="test")
print("ready", flush=True)
sys.stdin.readline()
try:
    with lease.hold(Bucket("leases", s3), key, "retraining", lasts_s=float(lasts_s),
                    renew_s=float(renew_s)) as held:
        print("held", flush=True)
        while sys.stdin.readline():
            held.check()
            print("checked", flush=True)
    print("released", flush=True)
except UserError as error:
    print(error, flush=True)
"""


class Contender:
    """A process that wants a lease, and says what became of it."""

    def __init__(self, url: str, key: str, machine: str, margin_s: float, **times: float) -> None:
        options = {"lasts_s": lease.LASTS_S, "renew_s": lease.RENEW_S, **times}
        arguments = [url, key, machine, margin_s, options["lasts_s"], options["renew_s"]]
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE, *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.heard() == "ready"

    def heard(self) -> str:
        assert self.process.stdout
        return str(self.process.stdout.readline()).strip()

    def told(self) -> None:
        """Let it go on: to take the lease, then to check it."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def go_on(self) -> str:
        self.told()
        return self.heard()

    def end(self) -> str:
        """Let its block end."""
        assert self.process.stdin
        self.process.stdin.close()
        return self.heard()


@pytest.fixture(scope="module")
def bucket(cloud: Any) -> Bucket:
    """A bucket with versions, as the artefact bucket is."""
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return Bucket(BUCKET, s3)


@pytest.fixture
def contender(cloud: Any, bucket: Bucket) -> Iterator[Callable[..., Contender]]:
    """contender(key): a process that is ready to take a lease."""
    started: list[Contender] = []

    def start(
        key: str, machine: str = "", margin_s: float = lease.MARGIN_S, **times: float
    ) -> Contender:
        url = cloud.endpoints["AWS_ENDPOINT_URL"]
        started.append(Contender(url, key, machine, margin_s, **times))
        return started[-1]

    yield start
    for one in started:
        with one.process:  # which closes its pipes
            one.process.kill()


def test_a_second_process_is_refused_until_the_first_has_ended(
    bucket: Bucket, contender: Callable[..., Contender]
) -> None:
    first, second, third = (contender("one-by-one") for _ in range(3))
    assert first.go_on() == "held"
    assert f"Another retraining is under way: process {first.process.pid} on" in second.go_on()
    assert first.go_on() == "checked"
    assert first.end() == "released"
    assert bucket.keys("one-by-one") == []
    assert third.go_on() == "held"


def test_of_many_that_begin_at_once_one_gets_it(contender: Callable[..., Contender]) -> None:
    contenders = [contender("race") for _ in range(4)]
    for one in contenders:
        one.told()
    heard = [one.heard() for one in contenders]
    assert heard.count("held") == 1
    assert sum("is under way" in line for line in heard) == 3


def test_the_lease_of_a_killed_process_is_taken_at_once_and_by_one(
    contender: Callable[..., Contender],
) -> None:
    first, *others = (contender("killed") for _ in range(3))
    assert first.go_on() == "held"
    first.process.kill()
    first.process.wait()
    for one in others:
        one.told()
    heard = sorted(one.heard() for one in others)
    assert heard[1] == "held"
    assert "is under way" in heard[0]


def test_the_lease_of_a_process_killed_elsewhere_is_taken_when_it_has_lapsed(
    bucket: Bucket, contender: Callable[..., Contender], cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "MARGIN_S", 1.0)
    first = contender("elsewhere", "another machine", lasts_s=4.0, renew_s=0.2)
    assert first.go_on() == "held"
    first.process.kill()
    first.process.wait()

    def taken() -> bool:
        try:
            with lease.hold(bucket, "elsewhere", "retraining") as held:
                held.check()
        except UserError:
            return False
        return True

    assert not taken()
    cloud.wait_for(taken)


def test_a_heartbeat_keeps_a_lease_beyond_its_time(
    bucket: Bucket, contender: Callable[..., Contender], cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "MARGIN_S", 2.0)
    first = contender("long", "another machine", lasts_s=3.0, renew_s=0.2)
    assert first.go_on() == "held"
    cloud.wait_for(lambda: (bucket.read_json("long") or {})["renewals"] >= 30)  # 6 s at least
    with (
        pytest.raises(UserError, match="is under way"),
        lease.hold(bucket, "long", "retraining"),
    ):
        pass
    assert first.go_on() == "checked"


def test_who_slept_through_the_lapse_is_stopped_at_its_next_check(
    bucket: Bucket, contender: Callable[..., Contender], cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "MARGIN_S", 0.0)
    sleeper = contender("asleep", "another machine", margin_s=0.0, lasts_s=1.0, renew_s=3600.0)
    assert sleeper.go_on() == "held"
    found = cloud.wait_for(lambda: _lapsed(bucket, "asleep"))
    assert found.holder.pid == sleeper.process.pid
    with lease.hold(bucket, "asleep", "retraining") as held:
        assert "is no longer held by this retraining" in sleeper.go_on()
        held.check()


def _lapsed(bucket: Bucket, key: str) -> Any:
    found = lease._read(bucket, key)
    assert found
    return found if found.is_over() else None
