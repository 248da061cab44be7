"""Policies as sets of grants, one for each action, resource and principal of a statement."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

_BUT = "everything but "
# Conditions as they are written here that leave a stranger outside. (aws:ResourceAccount, which is
# the owner's own, does not.)
_BOUND = re.compile(
    r'"(String|Arn)(Equals|Like)": \{[^{}]*'
    r'"(aws:(Source|Principal)Account|aws:SourceArn|kms:CallerAccount)": (?!\[?"\*")'
)


@dataclass(frozen=True, order=True)
class Grant:
    """One thing that a statement says."""

    effect: str
    who: str
    action: str
    resource: str
    condition: str

    @property
    def is_wild(self) -> bool:
        """Whether it is for everything or everybody; everybody of one account is not."""
        parts = (self.who, self.action, self.resource)
        everybody = self.who == "*" and not _BOUND.search(self.condition)
        return (
            everybody
            or "*" in parts[1:]
            or self.action.endswith(":*")
            or any(part.startswith(_BUT) for part in parts)
        )

    @property
    def told(self) -> str:
        """What it says, after `may` or `is denied`."""
        on = f" on {self.resource}" if self.resource else ""
        where = f" where {self.condition}" if self.condition else ""
        return f"{self.action}{on}{where}"

    def covers(self, other: "Grant") -> bool:
        """Whether whatever the other one says, this one says as well."""
        return (
            self.effect == other.effect
            and self.who == other.who
            and self.condition in ("", other.condition)
            and self.covers_action(other)
            and _matches(self.resource, other.resource)
        )

    def covers_action(self, other: "Grant") -> bool:
        return _matches(self.action.lower(), other.action.lower())  # case means nothing there

    def about(self, arns: Mapping[str, str]) -> "Grant":
        """The same about things whose ARNs are others now."""
        who, resource, condition = self.who, self.resource, self.condition
        for old, new in arns.items():
            who, resource, condition = (
                _moved(text, old, new) for text in (who, resource, condition)
            )
        return replace(self, who=who, resource=resource, condition=condition)


def of_policy(policy: Any, holder: str, itself: str = "*") -> set[Grant]:
    """Every grant of a policy's text. One that cannot be read is itself one, so that it shows.

    `holder` is who it is for where it names nobody; `itself` is what its resource "*" means.
    """
    if not policy:
        return set()
    try:
        statements = _listed(json.loads(policy)["Statement"])
        return {grant for one in statements for grant in _of_statement(one, holder, itself)}
    except (ValueError, KeyError, TypeError, AttributeError):
        digest = hashlib.sha256(str(policy).encode()).hexdigest()[:8]  # so that it differs
        return {Grant("Allow", holder, f"do something that cannot be read ({digest})", "", "")}


def of_permission(values: Mapping[str, Any]) -> set[Grant]:
    """What an aws_lambda_permission with these attributes grants."""
    if not values:
        return set()
    limits = [
        f"{words} {values[name]}"
        for name, words in (
            ("source_arn", "it comes from"),
            ("source_account", "for account"),
            ("principal_org_id", "of organization"),
            ("function_url_auth_type", "by a URL of type"),
        )
        if values.get(name)
    ]
    who, action = str(values.get("principal")), str(values.get("action"))
    return {Grant("Allow", who, action, str(values.get("function_name")), " and ".join(limits))}


def of_attachment(values: Mapping[str, Any], holder: str) -> set[Grant]:
    """What a policy lets whoever it is attached to; `holder` is the attribute that names it."""
    if not values:
        return set()
    who = str(values.get(holder) or f"its {holder}")
    return {Grant("Allow", who, f"do all that {values.get('policy_arn')} allows", "", "")}


def beyond(some: set[Grant], others: set[Grant], effect: str) -> list[Grant]:
    """What some say of this effect and none of the others does. The gravest come first: those for
    everything, then those of an action that the others do not have at all."""
    found = [
        grant
        for grant in some
        if grant.effect == effect and not any(other.covers(grant) for other in others)
    ]
    return sorted(found, key=lambda grant: (gravity(grant, others), grant))


def gravity(grant: Grant, others: set[Grant]) -> int:
    """0 for everything or everybody, 1 for an action that none of the others has, else 2."""
    if grant.is_wild:
        return 0
    return 2 if any(other.covers_action(grant) for other in others) else 1


def _of_statement(statement: Mapping[str, Any], holder: str, itself: str) -> Iterator[Grant]:
    condition = statement.get("Condition")
    words = json.dumps(condition, sort_keys=True) if condition else ""
    effect = statement["Effect"]
    if effect not in ("Allow", "Deny"):
        raise ValueError(effect)
    for who in _principals(statement, holder):
        for action in _values(statement, "Action"):
            for resource in _values(statement, "Resource"):
                on = itself if resource == "*" else resource
                yield Grant(effect, who, action, on, words)


def _values(statement: Mapping[str, Any], name: str) -> list[str]:
    if f"Not{name}" in statement:
        return [_BUT + ", ".join(sorted(map(str, _listed(statement[f"Not{name}"]))))]
    return [str(value) for value in _listed(statement.get(name, ""))]


def _principals(statement: Mapping[str, Any], holder: str) -> list[str]:
    if "NotPrincipal" in statement:
        return [_BUT + ", ".join(sorted(_named(statement["NotPrincipal"])))]
    return _named(statement["Principal"]) if "Principal" in statement else [holder]


def _named(principal: Any) -> list[str]:
    if isinstance(principal, Mapping):
        return [str(who) for several in principal.values() for who in _listed(several)]
    return [str(principal)]


def _moved(text: str, old: str, new: str) -> str:
    return re.sub(rf"{re.escape(old)}(?![\w.-])", lambda _: new, text)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _matches(pattern: str, text: str) -> bool:
    """Whether a pattern of IAM's covers a text, or every text that another pattern covers."""
    if pattern.startswith(_BUT) or text.startswith(_BUT):
        return pattern in ("*", text)
    # A `?` is any character, but not the many that another pattern's `*` may be.
    parts = {"*": ".*", "?": "[^*]"}
    regex = "".join(parts.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(regex, text, re.DOTALL) is not None
