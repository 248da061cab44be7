"""Read captured inferences back from S3."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from lambdas.common.capture import CaptureRecord, parse_file, parse_key
from scripts.artifacts import CAPTURES, Bucket

READS_AT_ONCE = 16


@dataclass(frozen=True)
class Captures:
    """What was read: the records, in the order of time, and how many lines were damaged."""

    records: tuple[CaptureRecord, ...]
    damaged_lines: int


def read(bucket: Bucket, endpoint: str, since: datetime, until: datetime) -> Captures:
    """Every record captured for `endpoint` from `since` to `until` (both inclusive, UTC)."""
    found = list(keys(bucket, endpoint, since, until))

    def read_file(key: str) -> tuple[tuple[CaptureRecord, ...], int]:
        body = bucket.s3.get_object(Bucket=bucket.name, Key=key)["Body"].read()
        file = parse_file(body, key)
        return file.records, file.damaged_lines

    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        files = list(pool.map(read_file, found))
    # Capture times are whole seconds.
    start = since.replace(microsecond=0)
    records = [r for items, _ in files for r in items if start <= r.inference_time <= until]
    records.sort(key=lambda record: record.inference_time)
    return Captures(tuple(records), sum(damaged for _, damaged in files))


def keys(bucket: Bucket, endpoint: str, since: datetime, until: datetime) -> Iterator[str]:
    """Keys of the files that may hold records of the period: their names tell the hour.

    A file is named when it is written, which may be an hour after its first record.
    """
    first = since - timedelta(hours=1)
    last = until + timedelta(hours=1)
    for key in bucket.keys(f"{CAPTURES}/{endpoint}/"):
        place = parse_key(key)
        if place and first <= place.time <= last:
            yield key
