"""What a changed policy lets somebody do that it did not before, and the other way round.

A grant that an older one already covers, as `s3:Get*` covers `s3:GetObject`, is nothing new. What
is told as wider may be less than it looks (two old grants may cover a new one together), but
nothing that is wider is left out. What is not read here, and may grant something by its name, is
named.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.review.changes import Change
from scripts.review.grants import (
    Grant,
    beyond,
    gravity,
    of_attachment,
    of_permission,
    of_policy,
)

# The attribute that is the policy, by resource.
POLICIES = {
    "aws_cloudwatch_event_bus_policy": "policy",
    "aws_cloudwatch_log_resource_policy": "policy_document",
    "aws_dynamodb_resource_policy": "policy",
    "aws_iam_group_policy": "policy",
    "aws_iam_policy": "policy",
    "aws_iam_role": "assume_role_policy",
    "aws_iam_role_policy": "policy",
    "aws_iam_user_policy": "policy",
    "aws_kms_key": "policy",
    "aws_kms_key_policy": "policy",
    "aws_s3_bucket_policy": "policy",
    "aws_sns_topic": "policy",
    "aws_sns_topic_policy": "policy",
    "aws_sqs_queue": "policy",
    "aws_sqs_queue_policy": "policy",
}
_ATTACHMENTS = {
    "aws_iam_group_policy_attachment": "group",
    "aws_iam_role_policy_attachment": "role",
    "aws_iam_user_policy_attachment": "user",
}
# They may let somebody do something, too, in a way that is not read here: resources by their
# names, and attributes of any other resource.
_NOT_READ = re.compile(
    r"aws_iam_\w+|aws_lambda_function_url"
    r"|\w+_(acl|grants?|permissions?|policy|policies)(_attachment|_association)?"
)
_SCALES = "aws_appautoscaling_policy"  # such a policy grants nothing
_GRANTING = ("access_policies", "access_policy", "acl", "grant", "policy", "resource_policy")
_ACTS_AS = ("execution_role_arn", "role", "role_arn")  # whose rights something has
_OF_A_ROLE = ("inline_policy", "managed_policy_arns", "permissions_boundary")
# Where a policy names what it is for, when that is a resource of its own.
_OWNERS = {
    "aws_iam_role_policy": ("role", "aws_iam_role"),
    "aws_lambda_permission": ("function_name", "aws_lambda_function"),
    "aws_s3_bucket_policy": ("bucket", "aws_s3_bucket"),
}
_NAMES = ("bucket", "function_name", "name")
KNOWN_LATER = "known after apply"


@dataclass(frozen=True)
class Difference:
    """What a change means for a policy, grant by grant in words. `gravity` is that of the gravest
    one that is wider (grants.gravity). `is_new`: so is the thing that it is for. `to_read`: what is
    not told here, and why."""

    address: str
    wider: tuple[str, ...] = ()
    narrower: tuple[str, ...] = ()
    gravity: int = 2
    is_new: bool = False
    to_read: str = ""


def differences(changes: Iterable[Change]) -> list[Difference]:
    """What the changes mean for policies, those that mean nothing left out."""
    every = [change for change in changes if change.action not in ("import", "move", "forget")]
    whole: set[tuple[str, str, str]] = {
        (change.action, change.type, str(values[name]))
        for change in every
        for values in (change.before, change.after)
        for name in _NAMES
        if values.get(name)
    }
    arns = dict(filter(None, map(_new_arn, every)))
    found = (_difference(change, _is_whole(change, whole), arns) for change in every)
    return [one for one in found if one]


def _new_arn(change: Change) -> tuple[str, str] | None:
    """The ARNs of a thing that is replaced by one of another name. A policy that follows it there
    lets nobody do more."""
    arn = str(change.before.get("arn") or "")
    for name in _NAMES:
        old, new = change.before.get(name), change.after.get(name)
        if change.action == "replace" and old and new and arn.endswith(str(old)):
            return arn, arn.removesuffix(str(old)) + str(new)
    return None


def _is_whole(change: Change, whole: set[tuple[str, str, str]]) -> bool:
    """Whether what a policy is for comes or goes together with it."""
    if change.action not in ("add", "destroy"):
        return False
    if change.type not in _OWNERS:
        return change.type in ("aws_iam_role", "aws_kms_key", "aws_sns_topic", "aws_sqs_queue")
    name, owner = _OWNERS[change.type]
    named = (change.before if change.action == "destroy" else change.after).get(name)
    return name in change.unknown or (change.action, owner, str(named)) in whole


def _difference(change: Change, is_whole: bool, arns: Mapping[str, str]) -> Difference | None:
    hidden = _hidden(change)
    read = None if hidden else _reader(change)
    before = {grant.about(arns) for grant in read(change.before)} if read else set()
    after = read(change.after) if read else set()
    gained, lost = beyond(after, before, "Allow"), beyond(before, after, "Allow")
    denied, regained = beyond(after, before, "Deny"), beyond(before, after, "Deny")
    if change.action == "destroy" and is_whole:
        regained = []  # there is nothing left to do it to
    to_read = f"its policy is {hidden}" if hidden else _not_read(change)
    if not (gained or lost or denied or regained or to_read):
        return None
    return Difference(
        change.address,
        wider=(
            *(f"{grant.who} may {grant.told}" for grant in gained),
            *(f"{grant.who} is no longer denied {grant.told}" for grant in regained),
        ),
        narrower=(
            *(f"{grant.who} may no longer {grant.told}" for grant in lost),
            *(f"{grant.who} is denied {grant.told}" for grant in denied),
        ),
        gravity=min(
            [*(gravity(grant, before) for grant in gained), *(1 for _ in regained)], default=2
        ),
        is_new=is_whole and change.action == "add",
        to_read=to_read,
    )


def _hidden(change: Change) -> str:
    """Why a policy cannot be compared, or ""."""
    name = POLICIES.get(change.type)
    if name in change.sensitive:
        return "marked as sensitive"
    return KNOWN_LATER if name in change.unknown else ""


def _not_read(change: Change) -> str:
    """What may let somebody do something, too, and is not read here, or ""."""
    if change.action == "destroy":
        return ""
    if change.type == "aws_iam_role":
        if change.action == "add":  # what is computed is unknown then, and says nothing
            names = [name for name in _OF_A_ROLE[:2] if change.after.get(name)]
        else:
            names = [name for name in _OF_A_ROLE if name in change.attributes]
        return f"{', '.join(names)} differs" if names else ""
    if _reader(change) or change.type == _SCALES:
        return ""
    if _NOT_READ.fullmatch(change.type):
        return "what it grants is not read here"
    # What is computed is unknown in something new.
    is_kept = change.action == "change"
    names = [
        name
        for name in _GRANTING
        if name in change.attributes and (is_kept or change.after.get(name))
    ]
    if change.action != "add":
        names += [name for name in _ACTS_AS if name in change.attributes]
    return f"{', '.join(names)} differs" if names else ""


def _reader(change: Change) -> Callable[[Mapping[str, Any]], set[Grant]] | None:
    """What makes grants of the attributes, before or after."""
    if change.type == "aws_lambda_permission":
        return of_permission
    if holder := _ATTACHMENTS.get(change.type):
        return lambda values: of_attachment(values, holder)
    if name := POLICIES.get(change.type):
        bearer = "its role" if change.type == "aws_iam_role_policy" else "whoever has it"
        # In a key's own policy, "*" is the key.
        itself = "this key" if change.type.startswith("aws_kms_key") else "*"
        return lambda values: of_policy(values.get(name), bearer, itself)
    return None
