"""What bounds the roles of an environment that GitHub deploys: terraform/bootstrap, docs/policies.

The local IAM evaluates the boundary and the deployment's policies as they are written there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from scripts.environment import ROOT
from tests.integration.security.conftest import PREFIX, Applied
from tests.integration.security.matrix import ROLES, rows

ACCOUNT = "arn:aws:iam::000000000000"
BOUNDARY = f"{ACCOUNT}:policy/scones-github-local-boundary"
DEPLOY = "github-deploy"
NAMES = {
    "PREFIX": PREFIX,
    "PROJECT": "scones",
    "ENVIRONMENT": "local",
    "REGION": "us-east-1",
    "ACCOUNT": "000000000000",
}


def policy(name: str) -> str:
    """A policy of docs/policies, filled in as terraform/bootstrap does."""
    text = (ROOT / "docs" / "policies" / f"{name}.json").read_text()
    for placeholder, value in NAMES.items():
        text = text.replace(placeholder, value)
    return text


@pytest.fixture(scope="module")
def bounded(applied: Applied) -> Iterator[Applied]:
    """The same roles within the boundary, and beside them the role that GitHub deploys with."""
    iam = applied.iam
    names = ("boundary", "bounded", "provision")
    arns = {
        name: iam.create_policy(
            PolicyName=f"scones-github-local-{name}", PolicyDocument=policy(name)
        )["Policy"]["Arn"]
        for name in names
    }
    assert arns["boundary"] == BOUNDARY
    for role in ROLES:
        iam.put_role_permissions_boundary(
            RoleName=f"{PREFIX}-{role}", PermissionsBoundary=arns["boundary"]
        )
    deploy = f"{PREFIX}-{DEPLOY}"
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    iam.create_role(RoleName=deploy, AssumeRolePolicyDocument=trust)
    for name in ("bounded", "provision"):
        iam.attach_role_policy(RoleName=deploy, PolicyArn=arns[name])
    yield applied
    for name in ("bounded", "provision"):
        iam.detach_role_policy(RoleName=deploy, PolicyArn=arns[name])
    iam.delete_role(RoleName=deploy)
    for role in ROLES:
        iam.delete_role_permissions_boundary(RoleName=f"{PREFIX}-{role}")
    for arn in arns.values():
        iam.delete_policy(PolicyArn=arn)


@pytest.mark.parametrize("role", ROLES)
def test_within_the_boundary_a_role_may_do_all_that_it_has_to(role: str, bounded: Applied) -> None:
    asked = [row for row in rows() if row.role == role and row.expected == "allowed"]
    assert asked
    refused = [
        str(row)
        for row in asked
        if bounded.decision(role, row.action, row.resource, row.context) != "allowed"
    ]
    assert refused == []


def test_the_boundary_bounds_whatever_a_role_is_given(bounded: Applied) -> None:
    name = f"{PREFIX}-filter"
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    bounded.iam.put_role_policy(
        RoleName=name,
        PolicyName="everything",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [everything]}),
    )
    try:
        table = f"arn:aws:dynamodb:us-east-1:000000000000:table/{PREFIX}-decisions"
        assert bounded.decision("filter", "dynamodb:PutItem", table) == "allowed"
        for action in ("iam:CreateUser", "sts:AssumeRole", "dynamodb:DeleteTable"):
            assert bounded.decision("filter", action, table) == "implicitDeny", action
        others = table.replace(PREFIX, "payroll")
        assert bounded.decision("filter", "dynamodb:PutItem", others) == "implicitDeny"
    finally:
        bounded.iam.delete_role_policy(RoleName=name, PolicyName="everything")


@pytest.mark.parametrize("action", ["iam:CreateRole", "iam:PutRolePolicy"])
def test_the_deployment_makes_roles_within_the_boundary_alone(
    action: str, bounded: Applied
) -> None:
    role = f"{ACCOUNT}:role/{PREFIX}-infer"
    within = {"iam:PermissionsBoundary": BOUNDARY}
    other = {"iam:PermissionsBoundary": f"{ACCOUNT}:policy/another"}
    assert bounded.decision(DEPLOY, action, role, within) == "allowed"
    assert bounded.decision(DEPLOY, action, role, other) == "explicitDeny"
    assert bounded.decision(DEPLOY, action, role) == "explicitDeny"


def test_the_deployment_cannot_take_a_boundary_away(bounded: Applied) -> None:
    role = f"{ACCOUNT}:role/{PREFIX}-infer"
    assert bounded.decision(DEPLOY, "iam:DeleteRolePermissionsBoundary", role) == "explicitDeny"
    assert bounded.decision(DEPLOY, "iam:CreatePolicyVersion", BOUNDARY) == "explicitDeny"
