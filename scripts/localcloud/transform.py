"""Batch transform jobs that really predict: a model server, every object, `<key>.out` beside it."""

import contextlib
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from scripts.localcloud.aws import Aws
from scripts.localcloud.hosting import Instance, NotHealthy, Unreachable
from scripts.localcloud.logs import LogStream
from scripts.localcloud.objects import (
    SourceObject,
    read,
    require_objects,
    source_objects,
    split_s3_uri,
)
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import MODEL, TRANSFORM_JOB, JobFailed, Record, Records

LOG_GROUP = "/aws/sagemaker/TransformJobs"
MIB = 1024**2  # what AWS's containers take a MB for
DEFAULT_MAX_PAYLOAD_MB, MAX_PAYLOADS_MB = 6, 100


class TransformJobs:
    """Creates and stops transform jobs."""

    def __init__(self, aws: Aws, records: Records) -> None:
        self._aws, self._records = aws, records

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        model = self._records.get(MODEL, request["ModelName"])
        _check(self._aws, request, model)
        record = self._records.create(TRANSFORM_JOB, request, TransformJobStatus="InProgress")
        run = _Run(self._aws, record, model)
        threading.Thread(target=run.work, daemon=True, name=record.name).start()
        return {"TransformJobArn": record.arn}

    def stop(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._records.get(TRANSFORM_JOB, request["TransformJobName"])
        if not record.move({"InProgress", "Stopping"}, "Stopping"):
            raise ServiceError(
                "ValidationException",
                f"The request was rejected because the transform job is in status {record.status}.",
            )
        return {}


def _check(aws: Aws, request: dict[str, Any], model: Record) -> None:
    """Refuse what AWS refuses before a job exists, and what cannot be done here."""
    source, output = request["TransformInput"], request["TransformOutput"]
    split_s3_uri(output["S3OutputPath"])
    if {source.get("SplitType", "None"), output.get("AssembleWith", "None")} != {"None"}:
        raise ServiceError(
            "ValidationException",
            "The local cloud transforms whole objects: SplitType and AssembleWith must be None.",
        )
    if _requests_at_once(request) * _max_payload_mb(request) > MAX_PAYLOADS_MB:
        raise ServiceError(
            "ValidationException",
            "MaxConcurrentTransforms * MaxPayloadInMB cannot be greater than "
            f"{MAX_PAYLOADS_MB} MB.",
        )
    require_objects(
        aws, source["DataSource"]["S3DataSource"], model.request.get("ExecutionRoleArn", "")
    )


def _requests_at_once(request: dict[str, Any]) -> int:
    return max(1, int(request.get("MaxConcurrentTransforms", 1)))


def _max_payload_mb(request: dict[str, Any]) -> int:
    """The largest object that is sent to the model; 0 is for any size."""
    return int(request.get("MaxPayloadInMB", DEFAULT_MAX_PAYLOAD_MB))


class _Run:
    """One job. Its answers are kept in a folder until it is certain that it was not stopped."""

    def __init__(self, aws: Aws, record: Record, model: Record) -> None:
        self._aws, self._record, self._model = aws, record, model
        self._folder = aws.work_dir / "transform" / uuid.uuid4().hex
        self._accept = record.request["TransformOutput"].get("Accept", "application/json")
        self._content_type = record.request["TransformInput"].get(
            "ContentType", "application/octet-stream"
        )

    def work(self) -> None:
        """Do the whole job. The record says how it ended."""
        self._record.update(TransformStartTime=datetime.now(UTC))
        status, reason = "Failed", None
        try:
            self._transform()
            status = "Completed"
        except (JobFailed, ServiceError) as failure:
            reason = str(failure)
        except Exception as error:
            reason = f"InternalServerError: {error}"
            raise
        finally:
            with self._record.lock:
                if self._is_stopping():
                    status, reason = "Stopped", None
                self._record.update(
                    TransformJobStatus=status,
                    FailureReason=reason[:1024] if reason else None,
                    TransformEndTime=datetime.now(UTC),
                )
            shutil.rmtree(self._folder, ignore_errors=True)

    def _is_stopping(self) -> bool:
        return self._record.status == "Stopping"

    def _transform(self) -> None:
        source = self._record.request["TransformInput"]["DataSource"]["S3DataSource"]
        objects = source_objects(self._aws, source)
        log = LogStream(self._aws, LOG_GROUP, f"{self._record.name}/data-log")
        try:
            with self._serving() as instance:
                failed = self._predict(instance, objects, log)
        finally:
            log.close()
        if not self._is_stopping():
            self._upload()
        if failed:
            raise JobFailed(f"{failed[0]}: See job logs for more information")

    @contextlib.contextmanager
    def _serving(self) -> Iterator[Instance]:
        try:
            instance = Instance.start(
                self._aws,
                self._model.request["PrimaryContainer"],
                LOG_GROUP,
                f"{self._record.name}/i-0",
                self._record.request.get("Environment", {}),
            )
        except NotHealthy as failure:
            raise JobFailed(
                "AlgorithmError: Model container failed to respond to ping. Please ensure /ping "
                "endpoint is implemented and responds with an HTTP 200 status code"
            ) from failure
        except JobFailed as failure:
            raise JobFailed(f"ClientError: {failure}") from failure
        try:
            yield instance
        finally:
            instance.stop()

    def _predict(
        self, instance: Instance, objects: Iterator[SourceObject], log: LogStream
    ) -> list[str]:
        """Ask the model about every object; returns AWS's word for each that has no answer."""
        failed: list[str] = []
        limit_mb = _max_payload_mb(self._record.request)

        def predict(item: SourceObject) -> None:
            body = read(self._aws, item.bucket, item.key)
            if limit_mb and len(body) > limit_mb * MIB:
                failed.append("ClientError")
                log.write(
                    f"{item.bucket}/{item.key}: Too much data for max payload size: {len(body)} "
                    f"bytes, MaxPayloadInMB={limit_mb}"
                )
                return
            try:
                answer = instance.invoke(body, self._content_type, self._accept)
            except Unreachable as error:
                raise JobFailed("AlgorithmError: The model server has died.") from error
            if answer.status == 200:
                file = self._folder / f"{item.path}.out"
                if not file.resolve().is_relative_to(self._folder.resolve()):
                    raise JobFailed(f"ClientError: {item.key} leaves the output path.")
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(answer.body)
                return
            failed.append("AlgorithmError")
            log.write(
                f"{item.bucket}/{item.key}: Bad HTTP status received from algorithm: "
                f"{answer.status} {answer.body.decode('utf-8', 'replace')}"
            )

        _in_parallel(
            predict,
            iter(lambda: None if self._is_stopping() else next(objects, None), None),
            _requests_at_once(self._record.request),
        )
        return failed

    def _upload(self) -> None:
        bucket, prefix = split_s3_uri(self._record.request["TransformOutput"]["S3OutputPath"])
        files = (path for path in self._folder.rglob("*") if path.is_file())

        def upload(file: Path) -> None:
            name = file.relative_to(self._folder).as_posix()
            key = "/".join([*filter(None, [prefix.rstrip("/")]), name])
            try:
                self._aws.s3.put_object(Bucket=bucket, Key=key, Body=file.read_bytes())
            except ClientError as error:
                raise JobFailed(f"ClientError: s3://{bucket}/{key}: {error}") from error

        _in_parallel(upload, files, 4)


def _in_parallel(work: Callable[[Any], None], items: Iterator[Any], count: int) -> None:
    """Call `work` with each of `items` in `count` threads; raises the first error.

    Daemon threads, unlike those of an executor, do not keep a process that is stopped alive.
    """
    lock = threading.Lock()
    errors: list[BaseException] = []

    def worker() -> None:
        try:
            while not errors:
                with lock:
                    item = next(items, None)
                if item is None:
                    return
                work(item)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=worker, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
