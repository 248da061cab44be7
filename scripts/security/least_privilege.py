"""Compare what a policy grants with what the code and the configuration call."""

import ast
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from botocore import xform_name
from botocore.session import Session

from scripts.security.definition import machines

# Nearly always a service's requests are signed with the name that IAM has for it.
IAM_PREFIXES = {"monitoring": "cloudwatch"}

# IAM calls some actions otherwise than the API calls its operations.
IAM_ACTIONS = {"s3:ListObjectsV2": "s3:ListBucket"}

# What is asked for in addition where a request names this member.
WITH_MEMBER = {("s3:GetObject", "VersionId"): "s3:GetObjectVersion"}

# Step Functions names an integration after the call, in lower camel case; Lambda's is an exception.
INTEGRATIONS = {"lambda:Invoke": "lambda:InvokeFunction"}

# What EventBridge does with the role of a target, by the target's kind of resource in Terraform.
TARGETS = {"aws_sfn_state_machine": "states:StartExecution"}


def actions_of_code(sources: Iterable[str]) -> set[str]:
    """IAM actions of every call that Python sources make with the boto3 clients in them.

    A client is a literal `boto3.client("name")`; a call is any attribute that is called like an
    operation of one of these services, on whatever object. Raises ValueError for another use of
    boto3, whose calls cannot be told.
    """
    trees = [ast.parse(source) for source in sources]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    called = {
        operation
        for service in _clients(nodes)
        for method, operation in _operations(service).items()
        if method in attributes
    }
    members = {str(name) for node in nodes for name in _names(node)}
    return {IAM_ACTIONS.get(operation, operation) for operation in called} | {
        action
        for (operation, member), action in WITH_MEMBER.items()
        if operation in called and member in members
    }


def _names(node: ast.AST) -> Iterable[Any]:
    """What a node can give a request's member by: a keyword, or a key of a mapping."""
    match node:
        case ast.keyword(arg=name):
            return [name]
        case ast.Dict(keys=keys):
            return [key.value for key in keys if isinstance(key, ast.Constant)]
    return []


def _clients(nodes: Iterable[ast.AST]) -> set[str]:
    """The services of all clients. Every mention of boto3 must be one, or a plain import."""
    found = []
    mentions = 0
    for node in nodes:
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="boto3"), attr="client"),
                args=[ast.Constant(value=str(service))],
            ):
                found.append(service)
            case ast.Name(id="boto3"):
                mentions += 1
            case ast.Import(names=[ast.alias(name="boto3", asname=None)]):
                pass
            case ast.Import() | ast.ImportFrom() if "boto3" in ast.unparse(node):
                raise ValueError(f"{ast.unparse(node)}: write a plain import boto3 instead")
    if mentions != len(found):
        raise ValueError('boto3 is used otherwise than as boto3.client("a literal name")')
    return set(found)


@cache
def _operations(service: str) -> dict[str, str]:
    """The service's operations as IAM actions, by the name of the client's method."""
    model = Session().get_service_model(service)
    prefix = IAM_PREFIXES.get(model.signing_name, model.signing_name)
    return {xform_name(operation): f"{prefix}:{operation}" for operation in model.operation_names}


def actions_of_workflow(definition: Mapping[str, Any]) -> set[str]:
    """IAM actions of every service integration of a state machine, nested ones too.

    Raises ValueError for a pattern that needs more than the call itself, such as `.sync`.
    """
    return {
        _integration(state["Resource"])
        for machine in machines(definition)
        for state in machine["States"].values()
        if state["Type"] == "Task"
    }


def _integration(resource: str) -> str:
    found = re.fullmatch(r"arn:aws:states:::(?:aws-sdk:)?([a-z0-9]+):([a-z]\w*)", resource)
    if not found:
        raise ValueError(f"{resource}: not known what this integration calls")
    action = f"{found[1]}:{found[2][0].upper()}{found[2][1:]}"
    return INTEGRATIONS.get(action, action)


def actions_of_targets(configuration: str) -> set[tuple[str, str]]:
    """(role, IAM action) of every EventBridge target in Terraform's text that is given a role.

    Raises ValueError for a kind of target that is not known here.
    """
    found = set()
    for block in re.findall(
        r'^resource "aws_cloudwatch_event_target".*?^}', configuration, re.DOTALL | re.MULTILINE
    ):
        role = re.search(r'^  role_arn\s*= var\.role_arns\["(\w+)"\]', block, re.MULTILINE)
        kind = re.search(r"^  arn\s*= (\w+)", block, re.MULTILINE)
        if role:
            if kind is None or kind[1] not in TARGETS:
                raise ValueError(f"not known what EventBridge calls for this target: {block}")
            found.add((role[1], TARGETS[kind[1]]))
    return found


def differences(role: str, policy: Mapping[str, Any], needed: Mapping[str, str]) -> list[str]:
    """What a role's policy grants too much or too little, a sentence each.

    `needed` says for each IAM action what needs it.
    """
    granted = [
        (action, statement["Sid"])
        for statement in policy["Statement"]
        if statement["Effect"] == "Allow"
        for action in _listed(statement.get("Action", "everything but its NotAction"))
    ]
    too_much = [
        f"{role}: statement {sid} grants {action}, which nothing is known to need"
        for action, sid in granted
        if action not in needed
    ]
    actions = {action for action, _ in granted}
    too_little = [
        f"{role}: no statement grants {action}, which is needed: {reason}"
        for action, reason in needed.items()
        if action not in actions
    ]
    return too_much + too_little


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
