"""Who may take each role: the rows of the trust policies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy

from tests.integration.security.names import (
    BATCH,
    HERE,
    MACHINE,
    REPORTER,
    RULE,
    function,
    role_arn,
)

ACCOUNT, STRANGER = "000000000000", "999999999999"


def _of_function(name: str, another: str) -> tuple[str, list[str], str]:
    return "lambda.amazonaws.com", [function(name), f"{function(name)}:1"], function(another)


# For each role its service, for what of ours that may ask, and for what it may not (None: there is
# nothing in this account).
_SERVICES: dict[str, tuple[str, list[str], str | None]] = {
    "serialize": _of_function("serialize", "infer"),
    "infer": _of_function("infer", "filter"),
    "filter": _of_function("filter", "serialize"),
    "monitor": _of_function("monitor", "serialize"),
    "workflow": ("states.amazonaws.com", [MACHINE], REPORTER),
    "batch": ("states.amazonaws.com", [BATCH, f"{BATCH}/pictures"], None),
    "reporter": ("states.amazonaws.com", [REPORTER], MACHINE),
    "events": (
        "events.amazonaws.com",
        [RULE, RULE.replace("-uploads", "-failures")],
        f"{RULE}-2",
    ),
    "sagemaker": (
        "sagemaker.amazonaws.com",
        [f"arn:aws:sagemaker:{HERE}:training-job/x", f"arn:aws:sagemaker:{HERE}:endpoint/x"],
        f"arn:aws:sagemaker:us-east-1:{STRANGER}:training-job/x",
    ),
}


@dataclass(frozen=True)
class Claim:
    """Somebody who would take a role: a service, or else a principal by its ARN."""

    role: str
    claimant: str
    expected: str  # allowed or denied
    context: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        where = "".join(f" with {key} {value}" for key, value in self.context.items())
        may = "may" if self.expected == "allowed" else "may not"
        return f"{self.claimant} {may} take {self.role}{where}"

    def answer(self, document: Mapping[str, Any]) -> str:
        """What a trust policy says, by the evaluator of the emulated IAM."""
        is_service = self.claimant.endswith(".amazonaws.com")
        request = EvalContext(
            principal_arn="" if is_service else self.claimant,
            principal_type="AssumedRole",
            principal_account=ACCOUNT,
            action="sts:AssumeRole",
            resource_arn=role_arn(self.role),
            region="us-east-1",
            service_context={key.lower(): value for key, value in self.context.items()},
        )
        service = self.claimant if is_service else None
        decision = evaluate_resource_policy(dict(document), request, service).decision
        return "allowed" if decision == "Allow" else "denied"

    def as_json(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "action": "sts:AssumeRole",
            "by": self.claimant,
            "context": dict(self.context),
            "expected": self.expected,
        }


def _source(account: str, arn: str) -> dict[str, str]:
    return {"aws:SourceAccount": account, "aws:SourceArn": arn}


def claims() -> list[Claim]:
    """Every row, role by role."""
    services = {service for service, _, _ in _SERVICES.values()} | {"ec2.amazonaws.com"}
    found = []
    for role, (service, ours, another) in _SERVICES.items():
        found += [Claim(role, service, "allowed", _source(ACCOUNT, arn)) for arn in ours]
        found += [
            Claim(role, service, "denied", context) for context in (_source(STRANGER, ours[0]), {})
        ]
        of_account = {"aws:SourceAccount": ACCOUNT}
        found.append(Claim(role, service, "denied" if another else "allowed", of_account))
        if another:
            found.append(Claim(role, service, "denied", _source(ACCOUNT, another)))
        found += [
            Claim(role, other, "denied", _source(ACCOUNT, ours[0]))
            for other in sorted(services - {service})
        ]
        found += [
            Claim(role, principal, "denied", _source(ACCOUNT, ours[0]))
            for principal in (
                role_arn("filter" if role != "filter" else "infer"),
                f"arn:aws:iam::{ACCOUNT}:root",
                f"arn:aws:iam::{STRANGER}:root",
            )
        ]
    return found
