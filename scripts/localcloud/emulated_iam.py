"""What the emulated IAM is taught: to simulate policies with all that a request is asked about.

As in emulator.py, this mends differences from AWS that were met with ministack 1.5.33, and can go
when a release does not need it. Without it SimulatePrincipalPolicy ignores the request's context,
so that no grant with a condition is ever allowed, every resource but the first, and the role's
permissions boundary.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any
from xml.sax.saxutils import escape

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import iam

_DECISIONS = {"Allow": "allowed", "Deny": "explicitDeny"}


def mend() -> None:
    """Teach the emulator in this process."""
    simulate = iam._IAM_HANDLERS["SimulatePrincipalPolicy"]

    def simulated(params: Mapping[str, Any]) -> Any:
        _, _, path = iam._p(params, "PolicySourceArn").partition(":role/")
        return _simulate_role(path.rpartition("/")[2], params) if path else simulate(params)

    iam._IAM_HANDLERS["SimulatePrincipalPolicy"] = simulated


def _simulate_role(role: str, params: Mapping[str, Any]) -> Any:
    """Every action on every resource, as the role may do it in the given context."""
    account = get_account_id()
    if iam._roles.get_scoped(account, None, role) is None:
        return iam._error(404, "NoSuchEntity", f"There is no role {role}.", ns="iam")
    policies = iam_evaluator._gather_role_policies(role, account)
    limits = iam_evaluator._permissions_boundary(iam._roles, role, account)
    context = _context(params)
    results = ""
    for action, resource in itertools.product(
        _values(params, "ActionNames"), _values(params, "ResourceArns") or ["*"]
    ):
        request = iam_evaluator.EvalContext(
            principal_arn=iam._p(params, "PolicySourceArn"),
            principal_type="AssumedRole",
            principal_account=account,
            action=action,
            resource_arn=resource,
            region=get_region(),
            secure_transport=True,
            service_context=context,
        )
        decision = iam_evaluator.evaluate(request, policies, *limits).decision
        results += (
            f"<member><EvalActionName>{escape(action)}</EvalActionName>"
            f"<EvalResourceName>{escape(resource)}</EvalResourceName>"
            f"<EvalDecision>{_DECISIONS.get(decision, 'implicitDeny')}</EvalDecision></member>"
        )
    return iam._xml(
        200,
        "SimulatePrincipalPolicyResponse",
        f"<SimulatePrincipalPolicyResult><EvaluationResults>{results}</EvaluationResults>"
        "<IsTruncated>false</IsTruncated></SimulatePrincipalPolicyResult>",
        ns="iam",
    )


def _context(params: Mapping[str, Any]) -> dict[str, Any]:
    """The request's context by key, in lower case, since IAM does not tell the cases apart.

    A key of a list type, such as stringList, has a list; any other has its one value.
    """
    context: dict[str, Any] = {}
    for entry in _names(params, "ContextEntries", ".ContextKeyName"):
        values = _values(params, f"{entry}.ContextKeyValues")
        is_list = iam._p(params, f"{entry}.ContextKeyType").endswith("List")
        key = iam._p(params, f"{entry}.ContextKeyName").lower()
        # The query protocol's reader leaves an empty value out.
        context[key] = values if is_list else "".join(values[:1])
    return context


def _names(params: Mapping[str, Any], name: str, field: str = "") -> Iterator[str]:
    """The names of a list's members in the query protocol, as long as they (or `field`) are set."""
    names = (f"{name}.member.{number}" for number in itertools.count(1))
    return itertools.takewhile(lambda member: iam._p(params, member + field), names)


def _values(params: Mapping[str, Any], name: str) -> list[str]:
    """The values of a list in the query protocol."""
    return [iam._p(params, member) for member in _names(params, name)]
