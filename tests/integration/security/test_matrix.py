"""Who may do what: every row of matrix.py, as IAM evaluates the roles that Terraform has made.

The rows go to build/security.json with what was expected and what was observed.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.security import results
from tests.integration.security.conftest import PREFIX, Applied
from tests.integration.security.matrix import ROLES, Row, rows
from tests.integration.security.trust import Claim, claims

ROWS = rows()
CLAIMS = claims()
POLICY_LIMIT_CHARACTERS = 10_240  # of all of a role's inline policies [IAM quotas]


def observe(applied: Applied, row: Row) -> str:
    decision = applied.decision(row.role, row.action, row.resource, row.context)
    return "allowed" if decision == "allowed" else "denied"


@pytest.fixture(scope="module")
def observed(applied: Applied) -> dict[Row | Claim, str]:
    """The answer to every question, recorded whether it is right or not."""
    answers: dict[Row | Claim, str] = {row: observe(applied, row) for row in ROWS}
    answers |= {claim: claim.answer(applied.trust[claim.role]) for claim in CLAIMS}
    record(answers)
    results.POLICIES.mkdir(parents=True, exist_ok=True)
    for old in results.POLICIES.glob("*.json"):
        old.unlink()
    for role, policy in applied.policies.items():
        (results.POLICIES / f"{role}.json").write_text(json.dumps(policy, indent=2))
    return answers


def record(answers: dict[Row | Claim, str]) -> None:
    written = [{**question.as_json(), "observed": answer} for question, answer in answers.items()]
    as_expected = sum(row["observed"] == row["expected"] for row in written)
    summary: dict[str, Any] = {
        "rows": len(written),
        "as_expected": as_expected,
        "not_as_expected": len(written) - as_expected,
        "expected": Counter(row["expected"] for row in written),
    }
    results.FILE.unlink(missing_ok=True)  # what tools found then, they found in other policies
    results.record("matrix", {"summary": summary, "rows": written})


@pytest.mark.parametrize("expected", ["allowed", "denied"])
@pytest.mark.parametrize("role", ROLES)
def test_iam_answers_as_the_matrix_says(
    role: str, expected: str, observed: dict[Row | Claim, str]
) -> None:
    asked = [row for row in ROWS if (row.role, row.expected) == (role, expected)]
    wrong = [f"not so: {row} ({row.why})" for row in asked if observed[row] != expected]
    assert not wrong, "; ".join(wrong)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_given_to_its_service_and_to_nobody_else(
    role: str, observed: dict[Row | Claim, str]
) -> None:
    asked = [claim for claim in CLAIMS if claim.role == role]
    wrong = [f"not so: {claim}" for claim in asked if observed[claim] != claim.expected]
    assert not wrong, "; ".join(wrong)


def test_every_role_that_terraform_makes_has_its_rows(applied: Applied) -> None:
    assert set(applied.policies) == set(ROLES)
    for role in ROLES:
        assert {row.expected for row in ROWS if row.role == role} == {"allowed", "denied"}
        assert {claim.expected for claim in CLAIMS if claim.role == role} == {"allowed", "denied"}


def test_no_question_is_asked_twice() -> None:
    assert [text for text, count in Counter(map(str, [*ROWS, *CLAIMS])).items() if count > 1] == []


def test_every_policy_fits_into_its_role(applied: Applied) -> None:
    for role, policy in applied.policies.items():
        size = len(json.dumps(policy, separators=(",", ":")))
        assert size < POLICY_LIMIT_CHARACTERS, role


@pytest.fixture
def added(applied: Applied, request: pytest.FixtureRequest) -> Iterator[str]:
    """A statement on everything, added to serialize for the time of a test; its effect."""
    name = {"RoleName": f"{PREFIX}-serialize", "PolicyName": "added"}
    statement = {"Effect": request.param, "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    applied.iam.put_role_policy(**name, PolicyDocument=document)
    yield request.param
    applied.iam.delete_role_policy(**name)


@pytest.mark.parametrize(
    ("added", "everything_is"), [("Allow", "allowed"), ("Deny", "denied")], indirect=["added"]
)
def test_the_matrix_fails_where_everything_is_allowed_or_denied(
    applied: Applied, added: str, everything_is: str
) -> None:
    of_serialize = [row for row in ROWS if row.role == "serialize"]
    assert {observe(applied, row) for row in of_serialize} == {everything_is}


def test_the_matrix_fails_where_a_role_is_given_to_everybody() -> None:
    everybody = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    refused = [claim for claim in CLAIMS if claim.expected == "denied"]
    assert {claim.answer(everybody) for claim in refused} == {"allowed"}
