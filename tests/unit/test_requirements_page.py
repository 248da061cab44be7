"""The page of what AWS requires, and the policies beside it, keep up with what they speak of."""

import ast
import fnmatch
import json
import re
from collections.abc import Iterator

import pytest
from botocore import xform_name
from botocore.session import Session

from scripts.environment import ROOT, TERRAFORM

DOCS = ROOT / "docs"
PAGE = (DOCS / "aws-requirements.md").read_text()
POLICIES = ("provision", "operate", "scale")
MANAGED_POLICY_CHARACTERS = 6144  # IAM's limit, which does not count white space
LONGEST = {
    "PREFIX": "sconesbakery-production01",
    "PROJECT": "sconesbakery",
    "ENVIRONMENT": "production01",
    "REGION": "ap-southeast-1",
    "ACCOUNT": "123456789012",
}
# Not run on AWS, or by people: the local cloud, this machine's checks, SageMaker's containers.
ELSEWHERE = {"localcloud", "demo", "security", "algorithm"}
# IAM calls some actions otherwise than the API calls its operations.
ACTIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:ListMultipartUploads": "s3:ListBucketMultipartUploads",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListObjectsV2": "s3:ListBucket",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}
SERVICES = {"stepfunctions": "states", "sagemaker-runtime": "sagemaker"}
# It needs no permission; `search` and `verify` are other things here, tags are SageMaker's.
NOT_ASKED_FOR = {"sts:GetCallerIdentity", "sagemaker:Search", "lambda:ListTags", "kms:Verify"}


def statements(name: str) -> list[dict[str, list[str]]]:
    found: list[dict[str, list[str]]] = json.loads(
        (DOCS / "policies" / f"{name}.json").read_text()
    )["Statement"]
    return found


def calls_of_the_tasks() -> Iterator[str]:
    """IAM actions of every operation whose method is named in code that runs for AWS."""
    services, names = set(), set()
    for path in (ROOT / "scripts").rglob("*.py"):
        if ELSEWHERE.isdisjoint(path.relative_to(ROOT / "scripts").parts):
            for node in ast.walk(ast.parse(path.read_text())):
                match node:
                    case ast.Call(
                        func=ast.Attribute(attr="client"),
                        args=[ast.Constant(value=str(service)), *_],
                    ):
                        services.add(service)
                    case ast.Attribute(attr=name) | ast.Constant(value=str(name)):
                        names.add(name)
    for service in services:
        for operation in Session().get_service_model(service).operation_names:
            if xform_name(operation) in names:
                action = f"{SERVICES.get(service, service)}:{operation}"
                yield ACTIONS.get(action, action)


def test_every_test_that_the_page_names_exists():
    runs = {
        name
        for path in (TERRAFORM / "tests").glob("*.tftest.hcl")
        for name in re.findall(r'^run "(\w+)"', path.read_text(), re.M)
    }
    named = set(re.findall(r"`([a-z0-9]+(?:_[a-z0-9]+){3,})`", PAGE))
    assert named
    assert named <= runs


def test_every_requirement_of_terraform_names_its_file_its_page_and_its_test():
    section = PAGE.split("## Met by Terraform")[1].split("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    assert len(rows) > 1
    for _, _, where, page, test in rows[1:]:
        assert (ROOT / where.strip(" `")).is_file()
        assert "](https://docs.aws.amazon.com/" in page
        assert re.fullmatch(r"`\w+` ?", test)


def test_the_policies_of_the_person_who_runs_the_tasks_cover_every_call_of_theirs():
    granted = [
        action for name in POLICIES for item in statements(name) for action in item["Action"]
    ]
    calls = set(calls_of_the_tasks()) - NOT_ASKED_FOR
    assert {"s3:PutObject", "sagemaker:CreateEndpoint", "states:StartSyncExecution"} <= calls
    missing = {call for call in calls if not any(fnmatch.fnmatchcase(call, g) for g in granted)}
    assert missing == set()


def test_roles_are_passed_to_the_services_that_take_one_and_to_no_others():
    (statement,) = [
        item for name in POLICIES for item in statements(name) if "iam:PassRole" in item["Action"]
    ]
    trust = (TERRAFORM / "modules" / "identity" / "trust.tf").read_text()
    services = set(re.findall(r'service = "([\w.]+)"', trust))
    assert set(statement["Condition"]["StringEquals"]["iam:PassedToService"]) == services
    assert statement["Resource"] == ["arn:aws:iam::ACCOUNT:role/PREFIX-*"]


@pytest.mark.parametrize("name", [*POLICIES, "plan", "boundary", "bounded"])
def test_a_policy_is_short_enough_for_a_managed_one(name: str):
    text = json.dumps(statements(name), separators=(",", ":"))
    for placeholder, value in LONGEST.items():
        text = text.replace(placeholder, value)
    overhead = len('{"Version":"2012-10-17","Statement":}')
    assert len(text) + overhead <= MANAGED_POLICY_CHARACTERS
