"""The matrix notices every change of a statement: one that is gone, and one without its limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.security.conftest import PREFIX, Applied
from tests.integration.security.matrix import ROLES, Row, rows
from tests.integration.security.trust import claims

Statement = dict[str, Any]


@contextmanager
def granted(applied: Applied, role: str, statements: list[Statement]) -> Iterator[None]:
    """The role with these statements and no others, for a while."""
    names = {"RoleName": f"{PREFIX}-{role}", "PolicyName": "least-privilege"}
    try:
        applied.iam.put_role_policy(**names, PolicyDocument=document(statements))
        yield
    finally:
        own = applied.policies[role]["Statement"]
        applied.iam.put_role_policy(**names, PolicyDocument=document(own))


def document(statements: list[Statement]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def changes(applied: Applied, role: str, statements: list[Statement]) -> bool:
    """Whether a row of the role has another answer when it is granted these statements."""
    with granted(applied, role, statements):
        return any(_is_wrong(applied, row) for row in rows() if row.role == role)


def _is_wrong(applied: Applied, row: Row) -> bool:
    decision = applied.decision(row.role, row.action, row.resource, row.context)
    return (decision == "allowed") != (row.expected == "allowed")


def without(statements: list[Statement], one: Statement) -> list[Statement]:
    # IAM takes no policy without a statement.
    nothing = {"Effect": "Deny", "Action": "none:None", "Resource": "*"}
    return [nothing, *(statement for statement in statements if statement is not one)]


@pytest.mark.parametrize("role", ROLES)
def test_no_statement_can_go_unnoticed(applied: Applied, role: str) -> None:
    statements = applied.policies[role]["Statement"]
    unnoticed = [
        one["Sid"] for one in statements if not changes(applied, role, without(statements, one))
    ]
    assert unnoticed == []


@pytest.mark.parametrize("role", ROLES)
def test_no_resource_of_a_statement_can_go_unnoticed(applied: Applied, role: str) -> None:
    statements = applied.policies[role]["Statement"]
    unnoticed = [
        (one["Sid"], resource)
        for one in statements
        for resource in one["Resource"]
        if len(one["Resource"]) > 1
        and not changes(applied, role, [*without(statements, one), _less(one, resource)])
    ]
    assert unnoticed == []


def _less(statement: Statement, resource: str) -> Statement:
    return {**statement, "Resource": [arn for arn in statement["Resource"] if arn != resource]}


@pytest.mark.parametrize("role", ROLES)
def test_no_statement_can_lose_its_limits_unnoticed(applied: Applied, role: str) -> None:
    statements = applied.policies[role]["Statement"]
    limited = [one for one in statements if one["Resource"] != ["*"] or "Condition" in one]
    assert limited
    unnoticed = []
    for one in limited:
        wide = {key: value for key, value in one.items() if key != "Condition"}
        wide["Resource"] = "*"
        if not changes(applied, role, [*without(statements, one), wide]):
            unnoticed.append(one["Sid"])
    assert unnoticed == []


@pytest.mark.parametrize("role", ROLES)
def test_no_condition_of_trust_can_go_unnoticed(applied: Applied, role: str) -> None:
    (statement,) = applied.trust[role]["Statement"]
    asked = [claim for claim in claims() if claim.role == role]
    for operator in statement["Condition"]:
        kept = {name: of for name, of in statement["Condition"].items() if name != operator}
        weaker = {**applied.trust[role], "Statement": [{**statement, "Condition": kept}]}
        assert any(claim.answer(weaker) != claim.expected for claim in asked), operator
