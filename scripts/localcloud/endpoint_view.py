"""An endpoint as DescribeEndpoint shows it: members of the record's state.

The messages of VariantStatus follow the examples on AWS's page "Events that Amazon SageMaker AI
sends to Amazon EventBridge", under "endpoint deployment state change". So does what an update
counts: of the new fleet the instances that take traffic, of the old one those that run.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from scripts.localcloud.fleet import Fleet
from scripts.localcloud.records import Record
from scripts.localcloud.strategy import CANARY, Desired, Step

MAX_REASON_CHARS = 1024

# Status and message of a variant, by the variant's name.
Stage = Mapping[str, tuple[str, str]]


def creating(config: Record, desired: Mapping[str, Desired]) -> dict[str, Any]:
    stage = launching({name: wanted.instances for name, wanted in desired.items()})
    return {
        "EndpointStatus": "Creating",
        "ProductionVariants": _variants(desired, dict.fromkeys(desired, 0), stage),
        **_of_config(config),
    }


def settled(fleet: Fleet, reason: str | None = None, status: str = "InService") -> dict[str, Any]:
    """When nothing changes any more. `reason` is why the last update failed, None if it did not."""
    return {
        "EndpointStatus": status,
        "FailureReason": reason and reason[:MAX_REASON_CHARS],
        "PendingDeploymentSummary": None,
        "ProductionVariants": _variants(fleet.desired, fleet.running),
        **_of_config(fleet.config),
    }


def pending(
    blue: Fleet, green: Fleet, active: Mapping[str, int], stage: Stage, started: datetime
) -> dict[str, Any]:
    """While `green` is to take over from `blue`; `active` of its instances take traffic."""
    return {
        "ProductionVariants": _variants(blue.desired, blue.running),
        "PendingDeploymentSummary": {
            "EndpointConfigName": green.config.name,
            "StartTime": started,
            "ProductionVariants": _variants(green.desired, active, stage),
        },
    }


def resizing(fleet: Fleet) -> dict[str, Any]:
    """While the fleet that serves gets other numbers of instances."""
    more = {name: fleet.wanted[name] - count for name, count in fleet.running.items()}
    stage = {name: launching({name: count})[name] for name, count in more.items() if count > 0}
    stage |= {name: deleting({name: -count})[name] for name, count in more.items() if count <= 0}
    variants = _variants(fleet.desired, fleet.running, stage)
    return {"EndpointStatus": "Updating", "FailureReason": None, "ProductionVariants": variants}


def terminating(blue: Fleet) -> dict[str, Any]:
    """While the fleet that served before is stopped."""
    return {"ProductionVariants": _variants(blue.desired, blue.running, deleting(blue.running))}


def launching(counts: Mapping[str, int]) -> Stage:
    return {name: ("Creating", _instances("Launching", count)) for name, count in counts.items()}


def activating(kind: str, step: Step) -> Stage:
    return {
        name: ("ActivatingTraffic", f"Activating traffic on {_capacity(kind, step, name)}.")
        for name in step.active
    }


def baking(kind: str, step: Step) -> Stage:
    return {
        name: (
            "Baking",
            f"Baking for {step.bake_s:g} seconds ({step.bake_setting}) with traffic enabled on "
            f"{_capacity(kind, step, name)}.",
        )
        for name in step.active
    }


def deleting(counts: Mapping[str, int]) -> Stage:
    return {name: ("Deleting", _instances("Terminating", count)) for name, count in counts.items()}


def _instances(verb: str, count: int) -> str:
    return f"{verb} {count} instance(s)."


def _capacity(kind: str, step: Step, variant: str) -> str:
    # AWS documents "canary" and "full"; the word for the parts of the other kinds is ours.
    part = "full" if step.shares[variant] == 1 else "canary" if kind == CANARY else "partial"
    return f"{part} capacity of {step.active[variant]} instance(s)"


def _variants(
    desired: Mapping[str, Desired], current: Mapping[str, int], stage: Stage | None = None
) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    return [
        {
            "VariantName": name,
            "CurrentWeight": wanted.weight if current[name] else 0.0,
            "DesiredWeight": wanted.weight,
            "CurrentInstanceCount": current[name],
            "DesiredInstanceCount": wanted.instances,
            **({"VariantStatus": [_status(*stage[name], now)]} if stage else {}),
        }
        for name, wanted in desired.items()
    ]


def _status(status: str, message: str, since: datetime) -> dict[str, Any]:
    return {"Status": status, "StatusMessage": message, "StartTime": since}


def _of_config(config: Record) -> dict[str, Any]:
    capture = config.request.get("DataCaptureConfig")
    return {
        "EndpointConfigName": config.name,
        "DataCaptureConfig": capture
        and {
            "EnableCapture": bool(capture.get("EnableCapture")),
            "CaptureStatus": "Started" if capture.get("EnableCapture") else "Stopped",
            "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
            "DestinationS3Uri": capture["DestinationS3Uri"],
            "KmsKeyId": capture.get("KmsKeyId", ""),
        },
    }
