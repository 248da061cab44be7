"""Endpoints that really serve: model servers behind one name, updated without a failed request."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from scripts.localcloud.aws import Aws
from scripts.localcloud.capture import CaptureWriter
from scripts.localcloud.fleet import Fleet, Invocation, Variant
from scripts.localcloud.hosting import Answer, Instance, NotHealthy
from scripts.localcloud.metrics import MetricsWriter
from scripts.localcloud.objects import split_s3_uri
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import (
    ACCOUNT_ID,
    ENDPOINT,
    ENDPOINT_CONFIG,
    MODEL,
    JobFailed,
    Record,
    Records,
)

LOG_GROUP = "/aws/sagemaker/Endpoints"


class Endpoints:
    """Creates, updates, invokes and deletes endpoints."""

    def __init__(self, aws: Aws, records: Records) -> None:
        self._aws, self._records = aws, records
        self._fleets: dict[str, Fleet] = {}

    def create_config(self, request: dict[str, Any]) -> dict[str, Any]:
        variants = request["ProductionVariants"]
        for variant in variants:
            if "ModelName" not in variant:
                raise ServiceError("ValidationException", "Each variant must have a ModelName.")
            self._records.get(MODEL, variant["ModelName"])
        if len({variant["VariantName"] for variant in variants}) < len(variants):
            raise ServiceError("ValidationException", "Variant names must be unique.")
        if not any(_weight(variant) for variant in variants):
            raise ServiceError("ValidationException", "A variant must have a weight above 0.")
        if "DataCaptureConfig" in request:
            split_s3_uri(request["DataCaptureConfig"]["DestinationS3Uri"])
        return {"EndpointConfigArn": self._records.create(ENDPOINT_CONFIG, request).arn}

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        config = self._records.get(ENDPOINT_CONFIG, request["EndpointConfigName"])
        record = self._records.create(
            ENDPOINT, request, EndpointStatus="Creating", **_summary(config, "Creating")
        )
        _in_background(self._create, record, config)
        return {"EndpointArn": record.arn}

    def update(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._records.get(ENDPOINT, request["EndpointName"])
        config = self._records.get(ENDPOINT_CONFIG, request["EndpointConfigName"])
        # On AWS, too, a failed endpoint can only be deleted.
        _move(record, {"InService"}, "Updating")
        _in_background(self._update, record, config)
        return {"EndpointArn": record.arn}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._records.get(ENDPOINT, request["EndpointName"])
        _move(record, {"InService", "Failed"}, "Deleting")
        _in_background(self._delete, record)
        return {}

    def invoke(self, name: str, request: Invocation) -> tuple[Answer, str]:
        """The model's answer and the variant that gave it.

        Raises ServiceError as the runtime does: ValidationError when there is no such endpoint or
        variant, ModelError when the model refuses, fails or does not answer.
        """
        with self._enter(name) as fleet:
            variant = fleet.choose(request.target_variant)
            if variant is None:
                raise ServiceError(
                    "ValidationError",
                    f"Variant {request.target_variant} of endpoint {name} not found.",
                )
            answer = variant.invoke(request)
        if answer.status != 200:
            raise self._model_error(name, answer)
        return answer, variant.name

    @contextlib.contextmanager
    def _enter(self, name: str) -> Iterator[Fleet]:
        while fleet := self._fleets.get(name):
            if fleet.enter():
                break
        else:
            message = f"Endpoint {name} of account {ACCOUNT_ID} not found."
            raise ServiceError("ValidationError", message)
        try:
            yield fleet
        finally:
            fleet.leave()

    def _create(self, record: Record, config: Record) -> None:
        with _failing(record, "Failed"):
            self._fleets[record.name] = self._start_fleet(record.name, config)
            record.update(EndpointStatus="InService", **_summary(config))

    def _update(self, record: Record, config: Record) -> None:
        """Give the traffic to a new fleet; the old one finishes what it has begun."""
        with _failing(record, "InService"):
            fleet = self._start_fleet(record.name, config)
            previous, self._fleets[record.name] = self._fleets[record.name], fleet
            previous.close()
            record.update(EndpointStatus="InService", FailureReason=None, **_summary(config))

    def _delete(self, record: Record) -> None:
        try:
            if fleet := self._fleets.pop(record.name, None):
                fleet.close()
        finally:
            self._records.remove(record)

    def _start_fleet(self, endpoint: str, config: Record) -> Fleet:
        variants: list[Variant] = []
        try:
            for variant in config.request["ProductionVariants"]:
                variants.append(self._start_variant(endpoint, config, variant))
        except BaseException:
            Fleet(variants).close()
            raise
        return Fleet(variants)

    def _start_variant(self, endpoint: str, config: Record, variant: dict[str, Any]) -> Variant:
        name = variant["VariantName"]
        model = self._records.get(MODEL, variant["ModelName"])
        instances: list[Instance] = []
        try:
            for number in range(_instance_count(variant)):
                instances.append(
                    Instance.start(
                        self._aws,
                        model.request["PrimaryContainer"],
                        f"{LOG_GROUP}/{endpoint}",
                        f"{name}/i-{number}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}",
                    )
                )
        except BaseException as failure:
            for instance in instances:
                instance.stop()
            if isinstance(failure, NotHealthy):
                raise JobFailed(
                    f"The primary container for production variant {name} did not pass the ping "
                    "health check. Please check CloudWatch logs for this endpoint."
                ) from failure
            raise
        capture_config = config.request.get("DataCaptureConfig", {})
        return Variant(
            name,
            _weight(variant),
            instances,
            MetricsWriter(self._aws, endpoint, name),
            CaptureWriter(self._aws, endpoint, name, capture_config)
            if capture_config.get("EnableCapture")
            else None,
        )

    def _model_error(self, name: str, answer: Answer) -> ServiceError:
        text = answer.body.decode("utf-8", "replace")
        group = f"{LOG_GROUP}/{name}"
        kind = "client" if 400 <= answer.status < 500 else "server"
        return ServiceError(
            "ModelError",
            f'Received {kind} error ({answer.status}) from primary with message "{text}". '
            f"See {group} in account {ACCOUNT_ID} for more information.",
            status=424,
            extra={
                "OriginalStatusCode": answer.status,
                "OriginalMessage": text,
                "LogStreamArn": f"arn:aws:logs:{self._aws.region}:{ACCOUNT_ID}:log-group:{group}",
            },
        )


def _in_background(work: Callable[..., None], *arguments: Record) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()


def _move(record: Record, sources: set[str], target: str) -> None:
    if not record.move(sources, target):
        raise ServiceError(
            "ValidationException",
            f'Cannot update in-progress endpoint "{record.arn}".'
            if record.status != "Failed"
            else f'Cannot update failed endpoint "{record.arn}". It can only be deleted.',
        )


@contextlib.contextmanager
def _failing(record: Record, status: str) -> Iterator[None]:
    """Give the endpoint `status` and the reason when what is done here fails."""
    try:
        yield
    except (JobFailed, ServiceError) as failure:
        record.update(EndpointStatus=status, FailureReason=str(failure))
    except Exception as error:
        record.update(EndpointStatus=status, FailureReason=f"InternalServerError: {error}")
        raise


def _weight(variant: dict[str, Any]) -> float:
    return float(variant.get("InitialVariantWeight", 1.0))


def _instance_count(variant: dict[str, Any]) -> int:
    return int(variant.get("InitialInstanceCount", 1))


def _summary(config: Record, status: str | None = None) -> dict[str, Any]:
    """What DescribeEndpoint shows of the configuration; `status` while instances are on the way."""
    now = datetime.now(UTC)
    capture = config.request.get("DataCaptureConfig")
    return {
        "EndpointConfigName": config.name,
        "ProductionVariants": [
            {
                "VariantName": variant["VariantName"],
                "CurrentWeight": 0.0 if status else _weight(variant),
                "DesiredWeight": _weight(variant),
                "CurrentInstanceCount": 0 if status else _instance_count(variant),
                "DesiredInstanceCount": _instance_count(variant),
                **({"VariantStatus": [{"Status": status, "StartTime": now}]} if status else {}),
            }
            for variant in config.request["ProductionVariants"]
        ],
        "DataCaptureConfig": capture
        and {
            "EnableCapture": bool(capture.get("EnableCapture")),
            "CaptureStatus": "Started" if capture.get("EnableCapture") else "Stopped",
            "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
            "DestinationS3Uri": capture["DestinationS3Uri"],
            "KmsKeyId": capture.get("KmsKeyId", ""),
        },
    }
