"""Answers to what the local SageMaker does not do: Application Auto Scaling, and records only.

Most of them are moto's.
"""

import json
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from scripts.environment import DEFAULT_REGION
from scripts.localcloud.model_registry import ModelRegistry
from scripts.localcloud.protocol import ServiceError, encode
from scripts.localcloud.records import ACCOUNT_ID
from scripts.localcloud.scaling import METRIC, Policy, Target
from scripts.localcloud.scheduled_scaling import ScheduledAction, next_time

_SERVICE_LINKED_ROLE = (
    f"arn:aws:iam::{ACCOUNT_ID}:role/aws-service-role/"
    "sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_NOTHING_SUSPENDED = {
    "DynamicScalingInSuspended": False,
    "DynamicScalingOutSuspended": False,
    "ScheduledScalingSuspended": False,
}


def _policy(configuration: Mapping[str, Any]) -> Policy:
    return Policy(
        target=float(configuration["TargetValue"]),
        out_cooldown_s=float(configuration.get("ScaleOutCooldown", 300)),
        in_cooldown_s=float(configuration.get("ScaleInCooldown", 300)),
        scales_in=not configuration.get("DisableScaleIn"),
    )


def _scheduled(action: Any) -> ScheduledAction:
    limits = action.scalable_target_action or {}
    return ScheduledAction(
        name=action.scheduled_action_name,
        schedule=action.schedule,
        timezone=action.timezone or "UTC",
        minimum=limits.get("MinCapacity"),
        maximum=limits.get("MaxCapacity"),
    )


def _backend() -> Any:
    # Imported late: it takes most of a second, in which nothing else runs.
    from moto.applicationautoscaling.models import applicationautoscaling_backends

    return applicationautoscaling_backends[ACCOUNT_ID][DEFAULT_REGION]


def _refuse_unknown_policy(request: Mapping[str, Any]) -> None:
    """Only what is really done here may be asked for."""
    metric = (
        request.get("TargetTrackingScalingPolicyConfiguration", {})
        .get("PredefinedMetricSpecification", {})
        .get("PredefinedMetricType")
    )
    if metric != METRIC:
        raise ServiceError(
            "ValidationException", f"The local cloud tracks {METRIC} only, and nothing else."
        )


def _refuse_unknown_schedule(request: Mapping[str, Any]) -> None:
    if "StartTime" in request or "EndTime" in request:
        message = "The local cloud knows no StartTime and no EndTime of a scheduled action."
        raise ServiceError("ValidationException", message)
    try:
        next_time(request.get("Schedule", ""), request.get("Timezone", "UTC"), datetime.now(UTC))
    except ValueError as error:
        raise ServiceError("ValidationException", str(error)) from None


class Moto:
    """moto's services, asked without a network; the Model Registry is our own in place of moto's.

    One request at a time: they know no locks.
    """

    def __init__(self) -> None:
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT_ID  # moto reads it with each request
        self._app = DomainDispatcherApplication(create_backend_app)
        self._lock = threading.Lock()
        self._registry = ModelRegistry(DEFAULT_REGION)

    def answer(
        self, path: str, headers: Iterable[tuple[str, str]], body: bytes
    ) -> tuple[int, bytes]:
        """Status and body. Raises ServiceError for an operation that moto does not have."""
        headers = list(headers)
        target = next((value for name, value in headers if name.lower() == "x-amz-target"), "")
        service, _, operation = target.rpartition(".")
        request = json.loads(body or b"{}")
        if service == "SageMaker" and self._registry.handles(operation, request):
            return 200, encode(self._registry.operations[operation](request))
        from werkzeug.test import EnvironBuilder, run_wsgi_app

        environ = EnvironBuilder(path=path, method="POST", headers=headers, data=body).get_environ()
        try:
            with self._lock:
                chunks, status, _ = run_wsgi_app(self._app, environ)
                return int(status.split()[0]), b"".join(chunks)
        except NotImplementedError as error:
            raise ServiceError(
                "UnknownOperationException", f"The local cloud cannot do this: {error}."
            ) from None


class AutoScaling:
    """Application Auto Scaling: moto's, with what Terraform's provider reads and moto lacks.

    That is the tags of scalable targets, and the role and state that AWS gives them.
    """

    def __init__(self, moto: Moto, activities: Callable[[], list[dict[str, Any]]]) -> None:
        self._moto, self._activities = moto, activities
        self._tags: dict[str, dict[str, str]] = {}
        self._is_used = False

    def answer(
        self,
        operation: str,
        request: dict[str, Any],
        path: str,
        headers: Iterable[tuple[str, str]],
        body: bytes,
    ) -> tuple[int, bytes]:
        """Status and body of the answer to a request that conforms to the service model."""
        if operation in ("ListTagsForResource", "TagResource", "UntagResource"):
            return 200, json.dumps(self._change_tags(operation, request)).encode()
        if operation == "PutScalingPolicy":
            _refuse_unknown_policy(request)
        if operation == "PutScheduledAction":
            _refuse_unknown_schedule(request)
        if operation == "DescribeScalingActivities":
            wanted = request.get("ResourceId")
            found = [one for one in self._activities() if wanted in (None, one["ResourceId"])]
            return 200, json.dumps({"ScalingActivities": found}).encode()
        self._is_used = True
        status, answer = self._moto.answer(path, headers, body)
        if operation == "RegisterScalableTarget" and status == 200:
            tags = self._tags.setdefault(json.loads(answer)["ScalableTargetARN"], {})
            tags.update(request.get("Tags", {}))
        if operation == "DescribeScalableTargets" and status == 200:
            document = json.loads(answer)
            for target in document["ScalableTargets"]:
                target["RoleARN"] = target["RoleARN"] or _SERVICE_LINKED_ROLE
                target["SuspendedState"] = target["SuspendedState"] or _NOTHING_SUSPENDED
            answer = json.dumps(document).encode()
        return status, answer

    def targets(self) -> list[Target]:
        """The variants that are registered, with their policies of the kind that is known here."""
        if not self._is_used:
            return []
        backend, found = _backend(), []
        for resource, target in list(backend.targets.get(_DIMENSION, {}).items()):
            configurations = [
                one.target_tracking_scaling_policy_configuration
                for one in list(backend.policies.values())
                if one.resource_id == resource
            ]
            suspended: Any = target.suspended_state or _NOTHING_SUSPENDED
            found.append(
                Target(
                    resource,
                    int(target.min_capacity or 0),
                    int(target.max_capacity or 0),
                    tuple(map(_policy, filter(None, configurations))),
                    tuple(
                        _scheduled(one)
                        for one in list(backend.scheduled_actions)
                        if one.resource_id == resource
                        and not suspended.get("ScheduledScalingSuspended")
                    ),
                    bool(suspended.get("DynamicScalingOutSuspended")),
                    bool(suspended.get("DynamicScalingInSuspended")),
                )
            )
        return found

    def limit(self, resource: str, minimum: int | None, maximum: int | None) -> None:
        """Give a variant other limits; None leaves one as it is."""
        target: Any = _backend().targets[_DIMENSION][resource]
        if minimum is not None:
            target.min_capacity = minimum
        if maximum is not None:
            target.max_capacity = maximum

    def _change_tags(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        arn = request["ResourceARN"]
        if arn not in self._tags:
            raise ServiceError("ResourceNotFoundException", f"No scalable target has ARN: {arn}")
        tags = self._tags[arn]
        if operation == "ListTagsForResource":
            return {"Tags": tags}
        tags.update(request.get("Tags", {}))
        for key in request.get("TagKeys", []):
            tags.pop(key, None)
        return {}
