"""What the monitor reads from and writes to the artifacts bucket."""

import json
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from botocore.exceptions import ClientError

from lambdas.common.aws_errors import error_code
from lambdas.monitor.checkpoint import Checkpoint

CAPTURES = "captures"
DEPLOYMENT = "deployments/current.json"
STATE = "monitoring/state.json"
BASELINES = "monitoring/baselines"
WINDOWS = "monitoring/windows"

READS_AT_ONCE = 8
MAX_FILE_BYTES = 16 * 1024 * 1024
"""Of a capture file; those of SageMaker have some kilobytes. What lies behind it is not read."""

# What S3 answers when a condition does not hold, or when two write at the same moment.
_REFUSALS = ("PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey")


class S3(Protocol):
    """The calls of S3's client that are made here."""

    def get_object(self, **kwargs: Any) -> dict[str, Any]: ...
    def list_objects_v2(self, **kwargs: Any) -> dict[str, Any]: ...
    def put_object(self, **kwargs: Any) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Store:
    """The artifacts bucket."""

    s3: S3
    bucket: str

    def list_captures(self, endpoint: str, variant: str, since: datetime) -> dict[str, int]:
        """Sizes in bytes of the variant's capture files by key, from the hour of `since` (UTC)."""
        folder = f"{CAPTURES}/{endpoint}/{variant}/"
        return dict(self._list(folder, start_after=f"{folder}{since:%Y/%m/%d/%H}"))

    def read_files(self, keys: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Each file with its content, in their order; one that is gone by now is left out.

        A few are read ahead, and no more: all of them together may not fit into memory.
        """
        waiting: deque[tuple[str, Future[bytes | None]]] = deque()
        with ThreadPoolExecutor(READS_AT_ONCE) as pool:
            for key in keys:
                waiting.append((key, pool.submit(self._read, key)))
                if len(waiting) >= READS_AT_ONCE:
                    yield from _finished(*waiting.popleft())
            while waiting:
                yield from _finished(*waiting.popleft())

    def read_deployment(self) -> dict[str, Any]:
        """What is in service: see scripts/serving/deployment.py."""
        found: dict[str, Any] = json.loads(self._get(DEPLOYMENT)["Body"].read())
        return found

    def read_baseline(self, model_name: str) -> Any | None:
        """The model's baseline as JSON; None where there is none."""
        key = f"{BASELINES}/{model_name}.json"
        return json.loads(self._get(key)["Body"].read()) if self._exists(key) else None

    def read_checkpoint(self) -> tuple[Checkpoint, str] | None:
        """The checkpoint, and the ETag to replace it by; None before the first window."""
        if not self._exists(STATE):
            return None
        answer = self._get(STATE)
        return Checkpoint.from_json(json.loads(answer["Body"].read())), answer["ETag"]

    def write_checkpoint(self, checkpoint: Checkpoint, etag: str | None) -> bool:
        """Put it in the place of the one with this ETag (None: of none); whether that was so.

        If not, another monitor has been faster, and has counted what this one counted.
        """
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        try:
            self._put(STATE, checkpoint.to_json(), **condition)
        except ClientError as error:
            if error_code(error) in _REFUSALS:
                return False
            raise
        return True

    def write_window(self, name: str, record: Mapping[str, Any]) -> None:
        """Keep a window's record, under its name in the folder of windows."""
        self._put(f"{WINDOWS}/{name}", record)

    def has_window(self, name: str) -> bool:
        """Whether there is a record of this name."""
        return self._exists(f"{WINDOWS}/{name}")

    def _read(self, key: str) -> bytes | None:
        try:
            body: bytes = self._get(key)["Body"].read(MAX_FILE_BYTES)
        except ClientError as error:
            if error_code(error) == "NoSuchKey":
                return None
            raise
        return body

    def _get(self, key: str) -> dict[str, Any]:
        return self.s3.get_object(Bucket=self.bucket, Key=key)

    def _put(self, key: str, document: Any, **condition: str) -> None:
        self.s3.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=json.dumps(document).encode(),
            ContentType="application/json",
            **condition,
        )

    def _exists(self, key: str) -> bool:
        # Asked of the listing: without the right to list all of the bucket, S3 answers 403 for an
        # object that is missing, and not 404.
        return any(found == key for found, _ in self._list(key))

    def _list(self, prefix: str, start_after: str = "") -> Iterator[tuple[str, int]]:
        place = {"StartAfter": start_after} if start_after else {}
        while True:
            page = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix, **place)
            for item in page.get("Contents", []):
                yield item["Key"], item["Size"]
            if not page.get("IsTruncated"):
                return
            place = {"ContinuationToken": page["NextContinuationToken"]}


def _finished(key: str, reading: Future[bytes | None]) -> Iterator[tuple[str, bytes]]:
    content = reading.result()
    if content is not None:
        yield key, content
