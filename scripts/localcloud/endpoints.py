"""Endpoints that really serve: a model server for each instance, capture, metrics, updates."""

import itertools
import random
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from scripts.localcloud.aws import Aws
from scripts.localcloud.capture import CaptureWriter
from scripts.localcloud.container import JobFailed
from scripts.localcloud.hosting import Instance
from scripts.localcloud.metrics import MetricsWriter
from scripts.localcloud.protocol import ServiceError
from scripts.localcloud.records import ENDPOINT, ENDPOINT_CONFIG, MODEL, Record, Records

LOG_GROUP = "/aws/sagemaker/Endpoints"


@dataclass(frozen=True)
class Invocation:
    """One InvokeEndpoint request."""

    body: bytes
    content_type: str = "application/octet-stream"
    accept: str = "application/json"
    inference_id: str | None = None
    custom_attributes: str | None = None
    target_variant: str | None = None


@dataclass
class Fleet:
    """The running instances of one endpoint configuration, by variant."""

    instances: dict[str, list[Instance]]
    weights: dict[str, float]
    turn: "itertools.count[int]" = field(default_factory=itertools.count)

    def choose(self, variant: str | None) -> tuple[str, Instance]:
        """A variant by its weight (or the one asked for), and its next instance in turn."""
        if variant is None:
            names = list(self.weights)
            # Not for secrets: this spreads traffic.
            variant = random.choices(names, [self.weights[name] for name in names])[0]  # noqa: S311
        if variant not in self.instances:
            raise ServiceError("ValidationError", f"Variant {variant} not found.")
        instances = self.instances[variant]
        return variant, instances[next(self.turn) % len(instances)]

    def stop(self) -> None:
        for instance in itertools.chain.from_iterable(self.instances.values()):
            instance.stop()


@dataclass
class Serving:
    """What an endpoint in service consists of."""

    fleet: Fleet
    metrics: MetricsWriter
    capture: CaptureWriter | None

    def close(self) -> None:
        self.fleet.stop()
        self.metrics.close()
        if self.capture:
            self.capture.close()


class Endpoints:
    """Creates, updates, invokes and deletes endpoints."""

    def __init__(self, aws: Aws, records: Records) -> None:
        self._aws, self._records = aws, records
        self._serving: dict[str, Serving] = {}

    def create_config(self, request: dict[str, Any]) -> dict[str, Any]:
        for variant in request["ProductionVariants"]:
            self._records.get(MODEL, variant["ModelName"])
        return {"EndpointConfigArn": self._records.create(ENDPOINT_CONFIG, request).arn}

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        config = self._records.get(ENDPOINT_CONFIG, request["EndpointConfigName"])
        record = self._records.create(ENDPOINT, request, EndpointStatus="Creating")
        self._in_background(self._start, record, config)
        return {"EndpointArn": record.arn}

    def update(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._records.get(ENDPOINT, request["EndpointName"])
        config = self._records.get(ENDPOINT_CONFIG, request["EndpointConfigName"])
        if record.status not in ("InService", "Failed"):
            raise ServiceError(
                "ValidationException",
                f'Cannot update in-progress endpoint "{record.arn}".',
            )
        record.update(EndpointStatus="Updating")
        self._in_background(self._start, record, config)
        return {"EndpointArn": record.arn}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._records.get(ENDPOINT, request["EndpointName"])
        if record.status in ("Creating", "Updating"):
            raise ServiceError(
                "ValidationException", f'Cannot update in-progress endpoint "{record.arn}".'
            )
        record.update(EndpointStatus="Deleting")
        self._in_background(self._stop, record)
        return {}

    def invoke(self, name: str, request: Invocation) -> tuple[bytes, str, str]:
        """Answer, content type and variant. Raises ServiceError as the runtime does."""
        serving = self._serving.get(name)
        if serving is None:
            raise ServiceError(
                "ValidationError", f"Endpoint {name} of account not found.", status=400
            )
        arrived = time.perf_counter()
        variant, instance = serving.fleet.choose(request.target_variant)
        started = time.perf_counter()
        status, answer, content_type = instance.invoke(
            request.body, request.content_type, request.accept
        )
        model_s = time.perf_counter() - started
        serving.metrics.invocation(variant, status, model_s, started - arrived)
        if status != 200:
            raise _model_error(name, status, answer)
        if serving.capture:
            serving.capture.add(
                variant,
                (request.body, request.content_type),
                (answer, content_type),
                request.inference_id,
                request.custom_attributes,
            )
        return answer, content_type, variant

    def close(self) -> None:
        """Stop every model server and write out what is still buffered."""
        for name in list(self._serving):
            self._serving.pop(name).close()

    def _in_background(self, target: Any, *args: Any) -> None:
        threading.Thread(target=target, args=args, daemon=True).start()

    def _start(self, record: Record, config: Record) -> None:
        """Bring up the fleet of `config` and give it the traffic; keep the old one on failure."""
        previous = self._serving.get(record.name)
        try:
            fleet = self._start_fleet(record.name, config)
        except (JobFailed, ServiceError) as failure:
            record.update(FailureReason=str(failure))
            record.update(EndpointStatus="InService" if previous else "Failed")
            return
        except Exception as error:
            record.update(FailureReason=f"InternalServerError: {error}")
            record.update(EndpointStatus="InService" if previous else "Failed")
            raise
        capture_config = config.request.get("DataCaptureConfig", {})
        capture = None
        if capture_config.get("EnableCapture"):
            capture = CaptureWriter(self._aws, record.name, capture_config)
        metrics = MetricsWriter(self._aws, record.name)
        self._serving[record.name] = Serving(fleet, metrics, capture)
        if previous:
            previous.close()
        record.state.pop("FailureReason", None)
        record.update(
            EndpointConfigName=config.name,
            ProductionVariants=[_variant_summary(v) for v in config.request["ProductionVariants"]],
            DataCaptureConfig=_capture_summary(capture_config),
        )
        record.update(EndpointStatus="InService")

    def _start_fleet(self, endpoint: str, config: Record) -> Fleet:
        fleet = Fleet({}, {})
        for variant in config.request["ProductionVariants"]:
            name = variant["VariantName"]
            model = self._records.get(MODEL, variant["ModelName"])
            fleet.weights[name] = float(variant.get("InitialVariantWeight", 1.0))
            fleet.instances[name] = []
            for _ in range(variant.get("InitialInstanceCount", 1)):
                try:
                    instance = Instance.start(
                        self._aws,
                        model.request["PrimaryContainer"],
                        f"{LOG_GROUP}/{endpoint}",
                        name,
                    )
                except JobFailed as failure:
                    fleet.stop()
                    raise JobFailed(
                        f"The primary container for production variant {name} {failure} "
                        "for this endpoint."
                    ) from failure
                fleet.instances[name].append(instance)
        return fleet

    def _stop(self, record: Record) -> None:
        serving = self._serving.pop(record.name, None)
        try:
            if serving:
                serving.close()
        except Exception as error:
            print(f"Endpoint {record.name}: {error}", file=sys.stderr)
            raise
        finally:
            self._records.remove(record)


def _model_error(name: str, status: int, answer: bytes) -> ServiceError:
    text = answer.decode("utf-8", "replace")
    group = f"{LOG_GROUP}/{name}"
    return ServiceError(
        "ModelError",
        f'Received {"client" if status < 500 else "server"} error ({status}) from primary with '
        f'message "{text}". See {group} in the CloudWatch logs for more information.',
        status=424,
        extra={"OriginalStatusCode": status, "OriginalMessage": text, "LogStreamArn": group},
    )


def _variant_summary(variant: dict[str, Any]) -> dict[str, Any]:
    count = variant.get("InitialInstanceCount", 1)
    weight = float(variant.get("InitialVariantWeight", 1.0))
    return {
        "VariantName": variant["VariantName"],
        "CurrentWeight": weight,
        "DesiredWeight": weight,
        "CurrentInstanceCount": count,
        "DesiredInstanceCount": count,
    }


def _capture_summary(config: dict[str, Any]) -> dict[str, Any] | None:
    if not config:
        return None
    return {
        "EnableCapture": bool(config.get("EnableCapture")),
        "CaptureStatus": "Started" if config.get("EnableCapture") else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }
