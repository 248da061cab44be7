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
    """What was read: the records, in the order of time, and how many lines were damaged.

    It is complete unless files were left unread, because the newer ones held enough.
    """

    records: tuple[CaptureRecord, ...]
    damaged_lines: int
    is_complete: bool = True


def read(
    bucket: Bucket, endpoint: str, since: datetime, until: datetime, most: int | None = None
) -> Captures:
    """The records captured for `endpoint` from `since` to `until` (both inclusive, UTC).

    All of them or, where there are more than `most`, so many of the newest.
    """
    # Capture times are whole seconds.
    start = since.replace(microsecond=0)
    found = sorted(keys(bucket, endpoint, since, until), key=_written, reverse=True)
    records: list[CaptureRecord] = []
    damaged_lines = read_files = 0

    def read_file(key: str) -> tuple[tuple[CaptureRecord, ...], int]:
        body = bucket.s3.get_object(Bucket=bucket.name, Key=key)["Body"].read()
        file = parse_file(body, key)
        return file.records, file.damaged_lines

    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        while read_files < len(found) and (most is None or len(records) < most):
            some = found[read_files : read_files + READS_AT_ONCE]
            for items, damaged in pool.map(read_file, some):
                records += (item for item in items if start <= item.inference_time <= until)
                damaged_lines += damaged
            read_files += len(some)
    records.sort(key=lambda record: record.inference_time)
    is_complete = read_files == len(found) and (most is None or len(records) <= most)
    return Captures(tuple(records[-most:] if most else records), damaged_lines, is_complete)


def keys(bucket: Bucket, endpoint: str, since: datetime, until: datetime) -> Iterator[str]:
    """Keys of the files that may hold records of the period: their names tell the hour.

    A file is named when it is written, which may be an hour after its first record.
    """
    first = since - timedelta(hours=1)
    last = until + timedelta(hours=1)
    for variant in bucket.folders(f"{CAPTURES}/{endpoint}/"):
        for key in bucket.keys(variant, after=f"{variant}{first:%Y/%m/%d/%H}"):
            place = parse_key(key)
            if place and first <= place.time <= last:
                yield key


def _written(key: str) -> datetime:
    place = parse_key(key)
    assert place
    return place.time
