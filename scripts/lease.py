"""At most one at a time: a lease, kept as an object in S3 that only conditional requests change.

    with lease.hold(bucket, "retraining/lease.json", "retraining") as held:
        first_step()
        held.check()
        second_step()

Whoever holds it renews it in a thread. Nobody else may take it before it has lapsed, unless its
holder was a process of this same machine that is gone (scripts/witness.py).

Clocks. Age is what S3's own clock says (`Date` of the answer less `LastModified`), and a holder
counts its time from before it asked, on a clock that runs on while a laptop sleeps. So the clocks
of the machines may show anything; what is assumed is that S3's servers agree within MARGIN_S - 1
seconds, the one being the resolution of both headers. A step that runs when the lease is lost runs
to its end: `check` stands between steps.
"""

import json
import math
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from scripts import witness
from scripts.artifacts import Bucket
from scripts.errors import UserError

LASTS_S = 120.0
RENEW_S = 20.0
MARGIN_S = 15.0
_ATTEMPTS = 5
_RETRY_S = 0.2
# What S3 answers when a condition does not hold: another object is there, none is, or somebody
# writes it at this very moment.
_REFUSALS = ("PreconditionFailed", "NoSuchKey", "ConditionalRequestConflict")


@dataclass(frozen=True)
class Holder:
    """Who holds a lease: what is in the object.

    purpose:    what for, as in 'a <purpose> is under way'
    host, pid:  where, for people to find it
    machine, process: what tells whether that process still lives, see scripts/witness.py
    token:      of this holding alone; together with `renewals` it gives every write its own ETag
    started_at: ISO 8601, by the holder's clock, for people only
    lasts_s:    seconds from the last renewal, until others may take it
    """

    purpose: str
    host: str
    pid: int
    machine: str
    process: str
    token: str
    started_at: str
    lasts_s: float
    renewals: int = 0


@dataclass(frozen=True)
class _Found:
    """A lease as it lies in S3: by S3's clock written `age_s` seconds before `read_at`."""

    holder: Holder
    etag: str
    age_s: float
    read_at: datetime

    @property
    def lapses_in_s(self) -> float:
        return self.holder.lasts_s + MARGIN_S - self.age_s

    def is_over(self) -> bool:
        """Whether it has lapsed, or its holder was here and is gone."""
        holder, here = self.holder, witness.machine()
        was_here = here != "" and holder.machine == here
        return self.lapses_in_s < 0 or (was_here and witness.is_gone(holder.pid, holder.process))


class Lease:
    """A lease that this process holds, or held."""

    def __init__(self, bucket: Bucket, key: str, holder: Holder) -> None:
        self._bucket, self._key, self._holder = bucket, key, holder
        self._etag: str | None = None
        self._until = 0.0
        self._is_lost = False
        self._turn = threading.Lock()
        self._ended = threading.Event()

    def check(self) -> None:
        """Renew the lease. Raises UserError when it is not, or not surely, this process's."""
        try:
            self._renew()
        except (BotoCoreError, ClientError) as error:
            if _now_s() >= self._until:
                raise UserError(
                    f"{self._uri} could not be renewed in time ({_one_line(error)}): "
                    "somebody else may have begun. Mend the connection, then run this again."
                ) from error

    @property
    def _uri(self) -> str:
        return self._bucket.uri(self._key)

    def _acquire(self, advice: str) -> None:
        for _ in range(_ATTEMPTS):
            found = _read(self._bucket, self._key)
            if found and not self._is_ours(found) and not found.is_over():
                raise UserError(f"{_taken(found, self._holder.purpose)} {advice}".rstrip())
            if self._write(found.etag if found else None):
                return
            time.sleep(_RETRY_S)  # somebody else was quicker: who is it?
        raise UserError(f"{self._uri} changes all the time: run this again in a moment.")

    def _renew(self) -> None:
        with self._turn:
            etag = self._etag
            for _ in range(_ATTEMPTS):
                if self._is_lost:
                    break
                self._holder = replace(self._holder, renewals=self._holder.renewals + 1)
                if self._write(etag):
                    return
                # An answer that was lost on its way makes a write of our own look like another's.
                found = _read(self._bucket, self._key)
                self._is_lost = not found or not self._is_ours(found)
                etag = found.etag if found else None
                time.sleep(0 if self._is_lost else _RETRY_S)
            self._is_lost = True
            raise UserError(
                f"{self._uri} is no longer held by this {self._holder.purpose}: it lapsed and "
                "another took it, or it was removed. What is done stays; run this again when no "
                "other one runs."
            )

    def _write(self, etag: str | None) -> bool:
        """Write the lease over the object of this `etag` (None: over none); whether it was so."""
        asked_at = _now_s()
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        body = json.dumps(asdict(self._holder), indent=2).encode()
        try:
            answer = self._bucket.s3.put_object(
                Bucket=self._bucket.name,
                Key=self._key,
                Body=body,
                ContentType="application/json",
                **condition,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _REFUSALS:
                return False
            raise
        self._etag, self._until = answer["ETag"], asked_at + self._holder.lasts_s
        return True

    def _is_ours(self, found: _Found) -> bool:
        return found.holder.token == self._holder.token

    def _keep(self, every_s: float) -> None:
        while not self._ended.wait(every_s) and not self._is_lost:
            # `check` says what is wrong; until then the next beat may succeed.
            with suppress(UserError, BotoCoreError, ClientError):
                self._renew()

    def _release(self) -> None:
        self._ended.set()
        # A release that fails does no harm: this process is about to be gone, or the lease lapses.
        with self._turn, suppress(BotoCoreError, ClientError):
            self._bucket.s3.delete_object(
                Bucket=self._bucket.name, Key=self._key, IfMatch=self._etag
            )


@contextmanager
def hold(
    bucket: Bucket,
    key: str,
    purpose: str,
    *,
    advice: str = "",
    lasts_s: float = LASTS_S,
    renew_s: float = RENEW_S,
) -> Iterator[Lease]:
    """Hold the lease at `key` of `bucket` while the block runs; yields it, to be checked.

    `purpose` says in a word or two what for. The lease lapses `lasts_s` seconds after its last
    renewal, and is renewed every `renew_s`. Raises UserError when somebody else holds it: who,
    since when, and when it would lapse; then the caller's `advice`.
    """
    pid = os.getpid()
    lease = Lease(
        bucket,
        key,
        Holder(
            purpose=purpose,
            host=socket.gethostname(),
            pid=pid,
            machine=witness.machine(),
            process=witness.start_of(pid),
            token=uuid.uuid4().hex,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            lasts_s=lasts_s,
        ),
    )
    try:
        lease._acquire(advice)
        threading.Thread(target=lease._keep, args=(renew_s,), daemon=True).start()
        yield lease
    finally:
        if lease._etag:
            lease._release()


def _read(bucket: Bucket, key: str) -> _Found | None:
    try:
        answer = bucket.s3.get_object(Bucket=bucket.name, Key=key)
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchKey":
            return None
        raise
    try:
        holder = _holder(json.loads(answer["Body"].read()))
    except (ValueError, TypeError) as error:
        raise UserError(f"{bucket.uri(key)} is no lease: look at it, and remove it.") from error
    written_at: datetime = answer["LastModified"]
    date = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    # Without S3's word for the time, no lease is taken for lapsed.
    read_at = parsedate_to_datetime(date) if date else written_at
    return _Found(holder, answer["ETag"], (read_at - written_at).total_seconds(), read_at)


def _holder(document: Any) -> Holder:
    """The holder in a document. Raises TypeError or ValueError when it is none."""
    holder = Holder(**document)
    for name, kind in Holder.__annotations__.items():
        if not isinstance(getattr(holder, name), (int, float) if kind is float else kind):
            raise TypeError(name)
    return holder


def _taken(found: _Found, purpose: str) -> str:
    holder = found.holder
    which = "Another" if holder.purpose == purpose else "A"
    lapses_in_s = max(1, math.ceil(found.lapses_in_s))
    lapses_at = found.read_at + timedelta(seconds=lapses_in_s)
    return (
        f"{which} {holder.purpose} is under way: process {holder.pid} on {holder.host} began it at "
        f"{holder.started_at}. Run this again when that has ended; if it has died, from "
        f"{lapses_at.isoformat(timespec='seconds')} on (in {lapses_in_s} s)."
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _now_s() -> float:
    """Seconds on a clock that nobody sets, and that runs on while the machine sleeps."""
    clock = time.CLOCK_BOOTTIME if sys.platform == "linux" else time.CLOCK_MONOTONIC
    return time.clock_gettime(clock)
