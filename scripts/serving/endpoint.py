"""The endpoint: created or updated by name, with data capture on, and tried before it is used."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from scripts.artifacts import CAPTURES, Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.evaluation import evaluate
from scripts.evaluation.transforms import parse_scores
from scripts.serving import deployment
from scripts.serving.deployment import Deployment
from scripts.serving.rollout import Rollout, deployment_config, possible
from scripts.training.models import Model

INSTANCE_TYPE = "ml.m5.large"
INSTANCE_COUNT = 2  # with one, an update cannot be a canary, and a failure is an outage
CAPTURE_PERCENTAGE = 100
VARIANT = "AllTraffic"  # terraform's endpoint_variant: what alarms and dashboard look at
CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
_AT_FIRST = (INSTANCE_TYPE, CAPTURE_PERCENTAGE)
_BEYOND_REPAIR = ("Failed", "OutOfService")  # can only be deleted
# After a rollback that failed, a mix of both fleets serves, until it is updated again.
_FAILED = (*_BEYOND_REPAIR, "UpdateRollbackFailed")
# The smallest valid picture: one grey pixel, as PNG.
SMOKE_TEST_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154"
    "789c636800000082008177cd72b60000000049454e44ae426082"
)

Say = Callable[[str], None]


class RolledBack(UserError):
    """An update that did harm: the endpoint serves its previous model again."""


@dataclass(frozen=True)
class Fleet:
    """What serves the model, and how much is captured. With None an endpoint keeps what it has."""

    instance_type: str | None = None
    instance_count: int | None = None
    capture_percentage: int | None = None

    def __post_init__(self) -> None:
        if self.capture_percentage is not None and not 0 <= self.capture_percentage <= 100:
            raise UserError(f"{self.capture_percentage} is no percentage. Give 0 to 100.")
        if self.instance_count is not None and self.instance_count < 1:
            raise UserError(f"{self.instance_count} instances cannot serve. Give 1 or more.")


def new_config_name(environment: Environment) -> str:
    """A name for the next version of the endpoint's configuration."""
    return f"{environment.prefix}-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"


def deploy(
    environment: Environment,
    bucket: Bucket,
    model: Model,
    *,
    rollout: Rollout,
    fleet: Fleet | None = None,
    config: str | None = None,
    say: Say,
) -> Deployment:
    """Put `model` behind the environment's endpoint and wait until it answers.

    The endpoint's name is stable, its configurations are versioned. A first deployment creates it;
    later ones update it as `rollout` says. With the name of a `config` that an earlier, killed
    deployment made, that one is taken up where it was left. Requires an evaluation, whose
    threshold is part of the deployment.

    Raises RolledBack when the endpoint went back to its previous model, and UserError when the
    model was not evaluated, an alarm fires already, or the endpoint does not come into service.
    """
    document = bucket.read_json(evaluate.evaluation_key(model.name))
    if document is None:
        raise UserError(f"{model.name} has not been evaluated. Run: invoke evaluate")
    sagemaker, name = environment.client("sagemaker"), environment.prefix
    fleet, config = fleet or Fleet(), config or new_config_name(environment)
    created_at = (_describe_config(sagemaker, config) or {}).get("CreationTime")
    at_rest = _at_rest(environment, config, say)
    before = _config_before(sagemaker, bucket, at_rest)
    found = _without_failed(environment, at_rest, say)
    if created_at is None:
        _create_config(environment, bucket, model, config, fleet, before, _instances(at_rest))
    if found is None:
        _create(environment, config, say)
    elif found["EndpointConfigName"] != config:
        if created_at and found.get("FailureReason") and found["LastModifiedTime"] > created_at:
            raise _rolled_back(found)
        is_other_type = before and fleet.instance_type not in (None, _type_and_capture(before)[0])
        _refuse_firing_alarms(environment, rollout.alarms)
        if is_other_type:
            _scale_no_more(environment, say)
        _update(environment, config, rollout, fleet, _instances(found), say)
    _await_in_service(environment, config, say)
    _smoke_test(environment, name, model.labels)
    _, percentage = _type_and_capture(sagemaker.describe_endpoint_config(EndpointConfigName=config))
    return Deployment(
        endpoint_name=name,
        model_name=model.name,
        algorithm=model.algorithm,
        labels=model.labels,
        image_size_px=model.image_size_px,
        confidence_threshold=document["threshold"],
        dataset_id=model.dataset_id,
        deployed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        evaluation=document,
        stand_in=model.stand_in,
        capture_percentage=percentage,
    )


def _create_config(
    environment: Environment,
    bucket: Bucket,
    model: Model,
    config: str,
    fleet: Fleet,
    before: dict[str, Any] | None,
    now: int,
) -> None:
    """Make a configuration: what `fleet` leaves open is as in the one `before`, and as many
    instances as serve `now`."""
    sagemaker = environment.client("sagemaker")
    instance_type, percentage = _type_and_capture(before) if before else _AT_FIRST
    if fleet.capture_percentage is not None:
        percentage = fleet.capture_percentage
    sagemaker.create_endpoint_config(
        EndpointConfigName=config,
        ProductionVariants=[
            {
                "VariantName": VARIANT,
                "ModelName": model.name,
                "InstanceType": fleet.instance_type or instance_type,
                "InitialInstanceCount": fleet.instance_count or now or INSTANCE_COUNT,
                "InitialVariantWeight": 1.0,
            }
        ],
        DataCaptureConfig=capture_config(bucket, percentage),
        Tags=environment.tags,
    )
    while _describe_config(sagemaker, config) is None:  # AWS's advice: it may not be there yet
        time.sleep(environment.poll_s)


def _create(environment: Environment, config: str, say: Say) -> None:
    environment.client("sagemaker").create_endpoint(
        EndpointName=environment.prefix, EndpointConfigName=config, Tags=environment.tags
    )
    say("creating")


def _scale_no_more(environment: Environment, say: Say) -> None:
    """SageMaker refuses another type of instance for what is scaled. Applying scales it again."""
    scaling = environment.client("application-autoscaling")
    variant = f"endpoint/{environment.prefix}/variant/{VARIANT}"
    found = scaling.describe_scalable_targets(ServiceNamespace="sagemaker", ResourceIds=[variant])
    for target in found["ScalableTargets"]:
        scaling.deregister_scalable_target(
            ServiceNamespace="sagemaker",
            ResourceId=variant,
            ScalableDimension=target["ScalableDimension"],
        )
        say("its instances are scaled again when Terraform is applied")


def _config_before(
    sagemaker: Any, bucket: Bucket, found: dict[str, Any] | None
) -> dict[str, Any] | None:
    """The configuration of the endpoint `found`, or of the one that was switched off."""
    live = deployment.load(bucket)
    config = found["EndpointConfigName"] if found else live and live.stopped_config
    return _describe_config(sagemaker, config) if config else None


def _type_and_capture(config: dict[str, Any]) -> tuple[str, int]:
    """The type of a configuration's instances, and how many per cent of requests it captures."""
    (variant, *_), capture = config["ProductionVariants"], config.get("DataCaptureConfig", {})
    percentage = capture["InitialSamplingPercentage"] if capture.get("EnableCapture") else 0
    return variant.get("InstanceType", INSTANCE_TYPE), percentage


def _update(
    environment: Environment, config: str, rollout: Rollout, fleet: Fleet, now: int, say: Say
) -> None:
    """Ask for the update: with the fleet's present size, unless another one is wanted."""
    count = fleet.instance_count or now
    strategy, remark = possible(rollout.strategy, min(count, now))
    if remark:
        say(remark)
    changed = [{"VariantPropertyType": "DesiredInstanceCount"}] if count != now else []
    environment.client("sagemaker").update_endpoint(
        EndpointName=environment.prefix,
        EndpointConfigName=config,
        RetainAllVariantProperties=True,
        **({"ExcludeRetainedVariantProperties": changed} if changed else {}),
        DeploymentConfig=deployment_config(rollout, min(count, now)),
    )
    say(f"updating: {strategy}")


def _refuse_firing_alarms(environment: Environment, alarms: Sequence[str]) -> None:
    """SageMaker would begin, and roll back at once."""
    if not alarms:
        return
    answer = environment.client("cloudwatch").describe_alarms(
        AlarmNames=list(alarms), StateValue="ALARM"
    )
    firing = [alarm["AlarmName"] for alarm in answer["MetricAlarms"]]
    if firing:
        raise UserError(
            f"The endpoint is not well: {', '.join(firing)} in ALARM. An update would be rolled "
            f"back at once. Mend it, or go back with: "
            f"{environment.command('rollback --reason WORDS')}"
        )


def capture_config(bucket: Bucket, percentage: int) -> dict[str, Any]:
    """Input and output of `percentage` of all requests; scores as JSON, pictures as base64."""
    return {
        "EnableCapture": percentage > 0,
        "InitialSamplingPercentage": percentage,
        "DestinationS3Uri": bucket.uri(CAPTURES),
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
    }


def config_of(environment: Environment) -> str | None:
    """The configuration that the environment's endpoint serves, or None when there is none."""
    found = _describe(environment.client("sagemaker"), environment.prefix)
    return str(found["EndpointConfigName"]) if found else None


def is_taking_over(environment: Environment) -> bool:
    """Whether an update to another configuration is under way."""
    found = _describe(environment.client("sagemaker"), environment.prefix) or {}
    pending = found.get("PendingDeploymentSummary")
    return pending is not None and pending["EndpointConfigName"] != found["EndpointConfigName"]


def served_model(environment: Environment, say: Say) -> str | None:
    """The model that serves once the endpoint changes no more; None when there is none."""
    sagemaker = environment.client("sagemaker")
    found = _at_rest(environment, None, say)
    served = found and _describe_config(sagemaker, found["EndpointConfigName"])
    return str(served["ProductionVariants"][0]["ModelName"]) if served else None


def stop(environment: Environment, config: str, say: Say) -> None:
    """Delete the endpoint, once it changes no more; its configuration stays."""
    if _settled(environment, config, say):
        say("deleting")
        _delete(environment)


def start(environment: Environment, config: str, labels: Sequence[str], say: Say) -> None:
    """Create the endpoint from a configuration that is there, and wait until it answers."""
    if _settled(environment, config, say) is None:
        _create(environment, config, say)
    _await_in_service(environment, config, say)
    _smoke_test(environment, environment.prefix, labels)


def status(sagemaker: Any, name: str) -> str | None:
    """The endpoint's status, or None when there is no such endpoint."""
    found = _describe(sagemaker, name)
    return str(found["EndpointStatus"]) if found else None


def instances(environment: Environment) -> int:
    """How many instances the environment's endpoint is to have; 0 when there is none."""
    return _instances(_describe(environment.client("sagemaker"), environment.prefix))


def _describe(sagemaker: Any, name: str) -> dict[str, Any] | None:
    """The endpoint as it is, or None when there is no such endpoint."""
    try:
        found: dict[str, Any] = sagemaker.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if "Could not find endpoint" in error.response["Error"]["Message"]:
            return None
        raise
    return found


def _describe_config(sagemaker: Any, config: str) -> dict[str, Any] | None:
    """The configuration, or None when there is no such configuration."""
    try:
        found: dict[str, Any] = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    except ClientError as error:
        if "Could not find endpoint configuration" in error.response["Error"]["Message"]:
            return None
        raise
    return found


def _at_rest(environment: Environment, config: str | None, say: Say) -> dict[str, Any] | None:
    """The endpoint after any change that is under way; None when there is no such endpoint."""
    sagemaker, name = environment.client("sagemaker"), environment.prefix
    while (found := _describe(sagemaker, name)) and found["EndpointStatus"] in CHANGING:
        pending = found.get("PendingDeploymentSummary", {}).get("EndpointConfigName")
        what = "this deployment goes on" if pending and pending == config else "waiting"
        say(f"{what}: the endpoint is {found['EndpointStatus']}")
        time.sleep(environment.poll_s)
    return found


def _settled(environment: Environment, config: str, say: Say) -> dict[str, Any] | None:
    """The endpoint after any change that is under way; None when there is none to update."""
    return _without_failed(environment, _at_rest(environment, config, say), say)


def _without_failed(
    environment: Environment, found: dict[str, Any] | None, say: Say
) -> dict[str, Any] | None:
    """The endpoint. One that failed is removed, as SageMaker can do nothing else with it."""
    if found and found["EndpointStatus"] in _BEYOND_REPAIR:
        say(f"removing the endpoint, which is {found['EndpointStatus']}")
        _delete(environment)
        return None
    return found


def _delete(environment: Environment) -> None:
    sagemaker, name = environment.client("sagemaker"), environment.prefix
    sagemaker.delete_endpoint(EndpointName=name)
    while _describe(sagemaker, name):
        time.sleep(environment.poll_s)


def _instances(found: dict[str, Any] | None) -> int:
    """The number of instances that the endpoint is to have; 0 without an endpoint."""
    variants = (found or {}).get("ProductionVariants", [])
    return sum(int(variant["DesiredInstanceCount"]) for variant in variants)


def _await_in_service(environment: Environment, config: str, say: Say) -> None:
    sagemaker, name, said = environment.client("sagemaker"), environment.prefix, ""
    while True:
        found = sagemaker.describe_endpoint(EndpointName=name)
        state = found["EndpointStatus"]
        if state == "InService":
            break
        if state in _FAILED:
            raise UserError(f"Endpoint {name} is {state}: {_reason(found)}")
        if (stage := _stage(found)) != said:
            say(stage)
            said = stage
        time.sleep(environment.poll_s)
    if found["EndpointConfigName"] != config:
        raise _rolled_back(found)


def _stage(found: dict[str, Any]) -> str:
    """What an endpoint that changes is doing, in words."""
    for variant in found.get("PendingDeploymentSummary", {}).get("ProductionVariants", []):
        doing = [status["Status"] for status in variant.get("VariantStatus", [])]
        if doing:
            now, wanted = (variant.get(f"{of}InstanceCount", 0) for of in ("Current", "Desired"))
            return f"{found['EndpointStatus']}: {doing[-1]}, {now} of {wanted} new instances"
    return str(found["EndpointStatus"])


def _rolled_back(found: dict[str, Any]) -> RolledBack:
    return RolledBack(f"Endpoint {found['EndpointName']} kept its previous model: {_reason(found)}")


def _reason(found: dict[str, Any]) -> str:
    return " ".join(found.get("FailureReason", "no reason was given").split())


def _smoke_test(environment: Environment, name: str, labels: Sequence[str]) -> None:
    """Ask once, without capture's interest: a custom attribute says that it is a test."""
    runtime = environment.client("sagemaker-runtime")
    try:
        answer = runtime.invoke_endpoint(
            EndpointName=name,
            ContentType="application/x-image",
            Accept="application/json",
            CustomAttributes="smoke-test",
            Body=SMOKE_TEST_PNG,
        )
        parse_scores(answer["Body"].read(), labels, "the smoke test's picture")
    except (ClientError, UserError) as error:
        back = environment.command("rollback --reason WORDS")
        raise UserError(
            f"{name} is in service, but fails the smoke test: {error} If there was a model before, "
            f"this returns to it: {back}"
        ) from error
