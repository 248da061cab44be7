"""The roles as Terraform really makes them, in a local cloud of these tests' own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import boto3
import pytest

from scripts.environment import DEFAULT_REGION
from scripts.localcloud import control
from tests.integration import provisioning

PREFIX = "scones-local"
ENDPOINT = PREFIX


@dataclass(frozen=True)
class Applied:
    """The roles in the running cloud. `policies` and `trust` hold one document for each role."""

    iam: Any
    policies: Mapping[str, dict[str, Any]]
    trust: Mapping[str, dict[str, Any]]

    def arn(self, role: str) -> str:
        return f"arn:aws:iam::000000000000:role/{PREFIX}-{role}"

    def decision(
        self, role: str, action: str, resource: str, context: Mapping[str, str] | None = None
    ) -> str:
        """`allowed`, `implicitDeny` or `explicitDeny`, as IAM itself evaluates the role."""
        (result,) = self.iam.simulate_principal_policy(
            PolicySourceArn=self.arn(role),
            ActionNames=[action],
            ResourceArns=[resource],
            ContextEntries=[
                {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
                for key, value in (context or {}).items()
            ],
        )["EvaluationResults"]
        assert (result["EvalActionName"], result["EvalResourceName"]) == (action, resource)
        decision: str = result["EvalDecision"]
        return decision


@pytest.fixture(scope="session")
def applied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Applied]:
    """What Terraform made of module.identity, and of what that needs."""
    folder = tmp_path_factory.mktemp("place") / "cloud"
    cloud = control.up(folder / "cloud.json", detached=False)
    provisioning.apply(folder, cloud.endpoints, {"endpoint_name": ENDPOINT}, ["module.identity"])
    iam = boto3.client(
        "iam",
        endpoint_url=cloud.endpoints["AWS_ENDPOINT_URL"],
        region_name=DEFAULT_REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    yield _read(iam)
    control.down(folder / "cloud.json")


def _read(iam: Any) -> Applied:
    names = [role["RoleName"] for role in iam.list_roles()["Roles"]]
    policies, trust = {}, {}
    for name in (name for name in names if name.startswith(f"{PREFIX}-")):
        role = name.removeprefix(f"{PREFIX}-")
        (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        assert iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"] == []
        policies[role] = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        trust[role] = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
    return Applied(iam, policies, trust)
