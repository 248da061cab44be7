"""What the local SageMaker uses of the rest of the local cloud: objects, logs and metrics."""

import json
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from scripts.localcloud.protocol import ServiceError


@dataclass(frozen=True)
class Aws:
    """Clients of the emulated services, and the folder in which jobs and endpoints run."""

    region: str
    endpoint_url: str
    work_dir: Path
    s3: Any = field(init=False, repr=False)
    logs: Any = field(init=False, repr=False)
    cloudwatch: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        import boto3
        from botocore.config import Config

        config = Config(
            region_name=self.region,
            s3={"addressing_style": "path"},
            max_pool_connections=20,
            retries={"mode": "standard"},
        )
        for service in ("s3", "logs", "cloudwatch"):
            client = boto3.client(service, endpoint_url=self.endpoint_url, config=config)
            object.__setattr__(self, service, client)


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Bucket and key (or prefix) of `s3://bucket/key`. Raises ServiceError for anything else."""
    parts = urlsplit(uri, allow_fragments=False)
    if parts.scheme != "s3" or not parts.netloc:
        raise ServiceError("ValidationException", f"'{uri}' is not an S3 URI.")
    query = f"?{parts.query}" if parts.query else ""
    return parts.netloc, parts.path.lstrip("/") + query


def object_keys(aws: Aws, uri: str) -> Iterator[tuple[str, str, str]]:
    """Yield (bucket, key, path below the prefix) of every object that `uri` is a prefix of."""
    bucket, prefix = split_s3_uri(uri)
    folder = prefix if prefix.endswith("/") else prefix.rpartition("/")[0] + "/"
    for page in aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            key = item["Key"]
            if not key.endswith("/"):
                yield bucket, key, key.removeprefix(folder).removeprefix(prefix).lstrip("/")


def manifest_keys(aws: Aws, uri: str) -> Iterator[tuple[str, str, str]]:
    """Yield (bucket, key, path below the manifest's prefix) of every object a manifest lists."""
    bucket, key = split_s3_uri(uri)
    manifest = json.loads(aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    source, prefix = split_s3_uri(manifest[0]["prefix"])
    for path in manifest[1:]:
        yield source, prefix + path, path


def download_tar(aws: Aws, uri: str, folder: Path) -> None:
    """Unpack the .tar.gz object at `uri` into `folder`, refusing members that would leave it."""
    bucket, key = split_s3_uri(uri)
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder.with_suffix(".tar.gz")
    aws.s3.download_file(bucket, key, str(archive))
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    archive.unlink()


class LogStream:
    """A stream of CloudWatch Logs, written line by line and sent twice a second."""

    INTERVAL_S = 0.5

    def __init__(self, aws: Aws, group: str, stream: str) -> None:
        self._aws, self._group, self._stream = aws, group, stream
        self._lines: list[dict[str, Any]] = []
        self._lock = threading.Lock()
        self._sent = 0.0
        for create, name in (
            (aws.logs.create_log_group, {"logGroupName": group}),
            (aws.logs.create_log_stream, {"logGroupName": group, "logStreamName": stream}),
        ):
            try:
                create(**name)
            except aws.logs.exceptions.ResourceAlreadyExistsException:
                continue

    def write(self, line: str) -> None:
        with self._lock:
            now_ms = int(datetime.now(UTC).timestamp() * 1000)
            self._lines.append({"timestamp": now_ms, "message": line or " "})
        if time.monotonic() - self._sent > self.INTERVAL_S:
            self.flush()

    def flush(self) -> None:
        with self._lock:
            lines, self._lines = self._lines, []
            self._sent = time.monotonic()
        if lines:
            self._aws.logs.put_log_events(
                logGroupName=self._group, logStreamName=self._stream, logEvents=lines
            )
