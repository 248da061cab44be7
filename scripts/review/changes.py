"""What a plan changes, from `terraform show -json`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Action = Literal["replace", "destroy", "change", "forget", "add", "import", "move"]

_ACTIONS: dict[tuple[str, ...], Action] = {
    ("create",): "add",
    ("update",): "change",
    ("delete",): "destroy",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("forget",): "forget",
    ("create", "forget"): "replace",
}
# The same to AWS: what was null comes back as one of these.
_NOTHING: tuple[Any, ...] = (None, "", [], {})


@dataclass(frozen=True)
class Change:
    """One resource that is not left as it is: `name` is its address within its `module`. `before`
    and `after` are its attributes; `unknown` names those that are known after apply, `sensitive`
    those that nobody may see; `because` are the attributes that force a replacement."""

    address: str
    type: str
    module: str
    name: str
    action: Action
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    unknown: frozenset[str] = field(default_factory=frozenset)
    sensitive: frozenset[str] = field(default_factory=frozenset)
    because: tuple[str, ...] = ()

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of the attributes that differ, in order."""
        names = {*self.before, *self.after, *self.unknown}
        return tuple(
            sorted(
                name
                for name in names
                if name in self.unknown or _differ(self.before.get(name), self.after.get(name))
            )
        )

    @property
    def differences(self) -> tuple[str, ...]:
        """What differs, as a person reads it: `threshold 1 -> 5`, `rule.expiration.days 30 -> 60`.

        Only numbers and switches are told with their values, and they come first: a text may be a
        secret.
        """
        told: list[str] = []
        for name in self.attributes:
            if name in self.unknown or name in self.sensitive:
                told.append(name)
            else:
                told += _told(name, self.before.get(name), self.after.get(name))
        return tuple(sorted(told, key=lambda text: "->" not in text))


def changes(document: Mapping[str, Any]) -> list[Change]:
    """Every change of a managed resource, in Terraform's order."""
    return list(_changes(document.get("resource_changes") or []))


def changed_outputs(document: Mapping[str, Any]) -> list[str]:
    """The names of the outputs that differ: even they alone make a plan end in 2."""
    outputs = document.get("output_changes") or {}
    return sorted(name for name, item in outputs.items() if item["actions"] != ["no-op"])


def drifted(document: Mapping[str, Any]) -> list[str]:
    """Addresses of what was changed or deleted outside of Terraform."""
    return [
        item["address"]
        for item in document.get("resource_drift") or []
        if _changed(item["change"].get("before") or {}, item["change"].get("after") or {})
    ]


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    return any(_differ(before.get(name), after.get(name)) for name in {*before, *after})


def _differ(before: Any, after: Any) -> bool:
    return before != after and not (before in _NOTHING and after in _NOTHING)


def _changes(items: list[Mapping[str, Any]]) -> Iterator[Change]:
    for item in items:
        change = item["change"]
        action, module = _action(item), item.get("module_address", "")
        if item["mode"] != "managed" or action is None:
            continue
        yield Change(
            address=item["address"],
            type=item["type"],
            module=module.removeprefix("module.").partition("[")[0],
            name=item["address"].removeprefix(f"{module}."),
            action=action,
            before=change.get("before") or {},
            after=change.get("after") or {},
            unknown=_names(change.get("after_unknown")) if action != "destroy" else frozenset(),
            sensitive=_marked(change.get("before_sensitive"))
            | _marked(change.get("after_sensitive")),
            because=tuple(sorted(map(_path, change.get("replace_paths") or []))),
        )


def _action(item: Mapping[str, Any]) -> Action | None:
    actions = tuple(item["change"]["actions"])
    if actions == ("no-op",):
        if "importing" in item["change"]:
            return "import"
        return "move" if "previous_address" in item else None
    return _ACTIONS.get(actions)


def _path(parts: list[str | int]) -> str:
    return ".".join(map(str, parts))


def _names(marks: Any) -> frozenset[str]:
    """The attributes that are wholly marked, as unknown."""
    if not isinstance(marks, Mapping):
        return frozenset()
    return frozenset(name for name, mark in marks.items() if mark is True)


def _marked(marks: Any) -> frozenset[str]:
    """The attributes in which anything is marked, as sensitive."""
    if not isinstance(marks, Mapping):
        return frozenset()
    return frozenset(name for name, mark in marks.items() if _holds_true(mark))


def _holds_true(mark: Any) -> bool:
    if isinstance(mark, Mapping):
        return any(map(_holds_true, mark.values()))
    return any(map(_holds_true, mark)) if isinstance(mark, list) else mark is True


def _told(path: str, before: Any, after: Any) -> Iterator[str]:
    if not _differ(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted({*before, *after}):
            yield from _told(f"{path}.{name}", before.get(name), after.get(name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after) == 1:
        yield from _told(path, before[0], after[0])  # a block
    elif isinstance(before, int | float) and isinstance(after, int | float):
        yield f"{path} {_plain(before)} -> {_plain(after)}"
    else:
        yield path


def _plain(value: float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:.15g}"
