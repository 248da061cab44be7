"""Read the monitor's records back from S3: one for each window of time."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from scripts.artifacts import WINDOWS, Bucket
from scripts.report import Window

READS_AT_ONCE = 16
_LONGEST = timedelta(days=1)


@dataclass(frozen=True)
class Windows:
    """What was read, in the order of time, and how many records were none."""

    windows: tuple[Window, ...]
    damaged: int


def read(bucket: Bucket, endpoint: str, since: datetime, until: datetime) -> Windows:
    """The windows of `endpoint` that lie in the period (UTC), or reach into it."""
    # A record is named after a time of its window: the names are in the order of time.
    first = since - _LONGEST
    names = bucket.keys(f"{WINDOWS}/", after=f"{WINDOWS}/{first:%Y/%m/%d/%H-%M-%S}")

    def read_one(key: str) -> tuple[str, Window] | None:
        body = bucket.s3.get_object(Bucket=bucket.name, Key=key)["Body"].read()
        try:
            document = json.loads(body)
            return document["endpoint"], Window.from_document(document)
        except (ValueError, LookupError, TypeError):
            return None

    with ThreadPoolExecutor(READS_AT_ONCE) as pool:
        found = list(pool.map(read_one, names))
    windows = [
        window
        for name, window in filter(None, found)
        if name == endpoint and window.end > since and window.start <= until
    ]
    windows.sort(key=lambda window: window.start)
    return Windows(tuple(windows), found.count(None))
