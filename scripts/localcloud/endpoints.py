"""Endpoints that really serve: model servers behind one name, updated without a failed request."""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scripts.localcloud import endpoint_view as view
from scripts.localcloud import launch, rollback_alarms, strategy
from scripts.localcloud.aws import Aws
from scripts.localcloud.fleet import Fleet, Invocation
from scripts.localcloud.hosting import Answer
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
from scripts.localcloud.strategy import Desired, Plan
from scripts.localcloud.traffic import Traffic
from scripts.localcloud.updates import Update


class Endpoints:
    """Creates, updates, invokes and deletes endpoints."""

    def __init__(self, aws: Aws, records: Records) -> None:
        self._aws, self._records = aws, records
        self._traffic: dict[str, Traffic] = {}
        # Whether an endpoint of this name is scaled: who serves Application Auto Scaling tells.
        self.is_scaled: Callable[[str], bool] = lambda _name: False

    def create_config(self, request: dict[str, Any]) -> dict[str, Any]:
        variants = request["ProductionVariants"]
        for variant in variants:
            if "ModelName" not in variant:
                raise ServiceError("ValidationException", "Each variant must have a ModelName.")
            self._records.get(MODEL, variant["ModelName"])
        if len({variant["VariantName"] for variant in variants}) < len(variants):
            raise ServiceError("ValidationException", "Variant names must be unique.")
        if not any(wanted.weight for wanted in strategy.desired(variants, {}).values()):
            raise ServiceError("ValidationException", "A variant must have a weight above 0.")
        if "DataCaptureConfig" in request:
            split_s3_uri(request["DataCaptureConfig"]["DestinationS3Uri"])
        return {"EndpointConfigArn": self._records.create(ENDPOINT_CONFIG, request).arn}

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """A DeploymentConfig is only remembered, for updates with RetainDeploymentConfig."""
        config = self._records.get(ENDPOINT_CONFIG, request["EndpointConfigName"])
        desired = strategy.desired(config.request["ProductionVariants"], {})
        deployment = request.get("DeploymentConfig")
        _plan(deployment, desired, desired)
        record = self._records.create(
            ENDPOINT,
            request,
            **view.creating(config, desired),
            **({"LastDeploymentConfig": deployment} if deployment else {}),
        )
        _in_background(self._create, record, config, desired)
        return {"EndpointArn": record.arn}

    def update(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._records.get(ENDPOINT, request["EndpointName"])
        config = self._records.get(ENDPOINT_CONFIG, request["EndpointConfigName"])
        deployment = request.get("DeploymentConfig")
        with record.lock:
            _require(record, {"InService", "UpdateRollbackFailed"})
            if self.is_scaled(record.name):
                self._require_same_types(record, config)
            if request.get("RetainDeploymentConfig"):
                deployment = deployment or record.state.get("LastDeploymentConfig")
            desired = strategy.desired(
                config.request["ProductionVariants"], request, record.state["ProductionVariants"]
            )
            plan = _plan(deployment, desired, self._traffic[record.name].fleet.desired)
            rollback_alarms.check_exist(self._aws, plan.alarms)
            record.update(EndpointStatus="Updating", FailureReason=None)
            if deployment:
                record.update(LastDeploymentConfig=deployment)
        _in_background(self._update, record, config, desired, plan)
        return {"EndpointArn": record.arn}

    def _require_same_types(self, record: Record, config: Record) -> None:
        """As on AWS's page "Update endpoints that use auto scaling"."""
        before, after = (
            {
                one["VariantName"]: one.get("InstanceType")
                for one in of.request["ProductionVariants"]
            }
            for of in (self._traffic[record.name].fleet.config, config)
        )
        if any(before.get(name, kind) != kind for name, kind in after.items()):
            raise ServiceError(
                "ValidationException",
                "The instance type of a variant that is registered with Application Auto Scaling "
                "cannot be changed. Deregister it as a scalable target first.",
            )

    def change_capacities(self, request: dict[str, Any]) -> dict[str, Any]:
        """Other numbers of instances and other weights, of the fleet that serves."""
        record = self._records.get(ENDPOINT, request["EndpointName"])
        changes = {item["VariantName"]: item for item in request["DesiredWeightsAndCapacities"]}
        with record.lock:
            _require(record, {"InService"})
            fleet = self._traffic[record.name].fleet
            if unknown := changes.keys() - fleet.variants.keys():
                raise ServiceError("ValidationException", f"There is no variant {min(unknown)}.")
            for name, change in changes.items():
                now = fleet.variants[name].desired
                fleet.variants[name].desired = Desired(
                    change.get("DesiredInstanceCount", now.instances),
                    change.get("DesiredWeight", now.weight),
                )
            record.update(**view.resizing(fleet))
        _in_background(self._resize, record, fleet)
        return {"EndpointArn": record.arn}

    def instances(self, name: str, variant: str) -> int | None:
        """How many instances a variant has; None while it is not there, or changes."""
        record = self._records.by_arn(self._records.arn(ENDPOINT, name))
        traffic = self._traffic.get(name)
        if record is None or traffic is None or record.status != "InService":
            return None
        found = traffic.fleet.variants.get(variant)
        return found.running if found else None

    def resize(self, name: str, variant: str, count: int) -> None:
        """Give a variant another number of instances, as Application Auto Scaling does."""
        change = {"VariantName": variant, "DesiredInstanceCount": count}
        self.change_capacities({"EndpointName": name, "DesiredWeightsAndCapacities": [change]})

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        record = self._records.get(ENDPOINT, request["EndpointName"])
        with record.lock:
            _require(record, {"InService", "Failed", "UpdateRollbackFailed"})
            record.update(EndpointStatus="Deleting")
        _in_background(self._delete, record)
        return {}

    def invoke(self, name: str, request: Invocation) -> tuple[Answer, str]:
        """The model's answer and the variant that gave it.

        Raises ServiceError as the runtime does: ValidationError when there is no such endpoint or
        variant, ModelError when the model refuses, fails or does not answer.
        """
        traffic = self._traffic.get(name)
        answered = traffic and traffic.invoke(request)
        if not answered:
            subject = f"Endpoint {name} of account {ACCOUNT_ID}"
            if name in self._traffic:
                subject = f"Variant {request.target_variant} of endpoint {name}"
            raise ServiceError("ValidationError", f"{subject} not found.")
        answer, variant = answered
        if answer.status != 200:
            raise self._model_error(name, answer)
        return answer, variant

    def _create(self, record: Record, config: Record, desired: dict[str, Desired]) -> None:
        with _failing(record, "Failed"):
            fleet = launch.prepare(self._aws, self._records, record.name, config, desired)
            try:
                fleet.grow(fleet.wanted)
            except BaseException:
                fleet.close()
                raise
            fleet.serve(fleet.wanted)
            self._traffic[record.name] = Traffic(fleet)
            record.update(**view.settled(fleet))

    def _update(
        self, record: Record, config: Record, desired: dict[str, Desired], plan: Plan
    ) -> None:
        with _failing(record, "InService"):
            green = launch.prepare(self._aws, self._records, record.name, config, desired)
            tripped = functools.partial(rollback_alarms.tripped, self._aws, plan.alarms)
            Update(record, self._traffic[record.name], green, plan, tripped).run()

    def _resize(self, record: Record, fleet: Fleet) -> None:
        """Start what is missing before it takes requests, and stop what is too much afterwards."""
        with _failing(record, "InService"):
            fleet.grow(fleet.wanted)
            fleet.serve(fleet.wanted)
            fleet.shrink(fleet.wanted)
            record.update(**view.settled(fleet))

    def _delete(self, record: Record) -> None:
        try:
            if traffic := self._traffic.pop(record.name, None):
                traffic.close()
        finally:
            self._records.remove(record)

    def _model_error(self, name: str, answer: Answer) -> ServiceError:
        text = answer.body.decode("utf-8", "replace")
        group = f"{launch.LOG_GROUP}/{name}"
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


def _in_background(work: Callable[..., None], *arguments: Any) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()


def _plan(
    deployment: dict[str, Any] | None, green: Mapping[str, Desired], blue: Mapping[str, Desired]
) -> Plan:
    counts = ({name: wanted.instances for name, wanted in of.items()} for of in (green, blue))
    return strategy.plan(deployment, *counts)


def _require(record: Record, sources: set[str]) -> None:
    """Raise ServiceError unless the endpoint may change now. AWS calls a deletion an update too."""
    if record.status not in sources:
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
