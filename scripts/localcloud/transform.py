"""Batch transform jobs that really predict: a model server, every object, `<key>.out` beside it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from scripts.localcloud.aws import Aws, manifest_keys, object_keys, split_s3_uri
from scripts.localcloud.container import JobFailed
from scripts.localcloud.hosting import Instance
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import MODEL, TRANSFORM_JOB, Record, Records

LOG_GROUP = "/aws/sagemaker/TransformJobs"


class TransformJobs:
    """Runs each transform job in a thread."""

    def __init__(self, aws: Aws, records: Records) -> None:
        self._aws, self._records = aws, records

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        model = self._records.get(MODEL, request["ModelName"])
        record = self._records.create(TRANSFORM_JOB, request, TransformJobStatus="InProgress")
        threading.Thread(target=self._run, args=(record, model), daemon=True).start()
        return {"TransformJobArn": record.arn}

    def stop(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._records.get(TRANSFORM_JOB, request["TransformJobName"])
        if record.status != "InProgress":
            raise ServiceError(
                "ValidationException",
                f"The request was rejected because the transform job is in status {record.status}.",
            )
        record.update(TransformJobStatus="Stopping")
        return {}

    def _run(self, record: Record, model: Record) -> None:
        record.update(TransformStartTime=datetime.now(UTC))
        status = "Failed"
        try:
            self._transform(record, model)
            status = "Stopped" if record.status == "Stopping" else "Completed"
        except (JobFailed, ServiceError) as failure:
            record.update(FailureReason=str(failure))
        except Exception as error:
            record.update(FailureReason=f"InternalServerError: {error}")
            raise
        finally:
            record.update(TransformEndTime=datetime.now(UTC))
            record.update(TransformJobStatus=status)

    def _transform(self, record: Record, model: Record) -> None:
        source = record.request["TransformInput"]
        data = source["DataSource"]["S3DataSource"]
        uri = data["S3Uri"]
        read = manifest_keys if data["S3DataType"] == "ManifestFile" else object_keys
        objects = list(read(self._aws, uri))
        if not objects:
            raise JobFailed(f"ClientError: No S3 objects found under S3 URL {uri}.")
        bucket, prefix = split_s3_uri(record.request["TransformOutput"]["S3OutputPath"])
        content_type = source.get("ContentType", "application/octet-stream")
        accept = record.request["TransformOutput"].get("Accept", "application/json")
        try:
            instance = Instance.start(
                self._aws, model.request["PrimaryContainer"], LOG_GROUP, record.name
            )
        except JobFailed as failure:
            raise JobFailed(f"ClientError: The container {failure}.") from failure

        def predict(item: tuple[str, str, str]) -> None:
            if record.status == "Stopping":
                return
            source_bucket, key, path = item
            body = self._aws.s3.get_object(Bucket=source_bucket, Key=key)["Body"].read()
            status, answer, _ = instance.invoke(body, content_type, accept)
            if status != 200:
                raise JobFailed(
                    f"AlgorithmError: See job logs for more information: {key}: "
                    f"{answer.decode('utf-8', 'replace')}"
                )
            output = "/".join(filter(None, [prefix.rstrip("/"), f"{path}.out"]))
            self._aws.s3.put_object(Bucket=bucket, Key=output, Body=answer)

        concurrency = max(1, record.request.get("MaxConcurrentTransforms", 1))
        try:
            with ThreadPoolExecutor(concurrency) as pool:
                for _ in pool.map(predict, objects):
                    pass
        finally:
            instance.stop()
