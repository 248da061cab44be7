"""A plan judged: changes, policies, safeguards, cost; the gravest first."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.cost.estimate import Assumptions, Estimate, monthly, price_region, resources_of
from scripts.review.changes import Change, changed_outputs, changes, drifted
from scripts.review.dangers import HOLDS_DATA, loses_data, losses, touches_safeguard
from scripts.review.policies import KNOWN_LATER, Difference, differences
from scripts.review.wording import BRIEFLY, code, plain, some

MUCH_MORE = 0.5  # a rise of the monthly cost by this share is told first
MOST = 3  # of a kind in lines of their own: the first ten lines have room for every kind


@dataclass(frozen=True)
class Review:
    """All that a reviewer is told."""

    environment: str
    changes: tuple[Change, ...]
    policies: tuple[Difference, ...]
    drifted: tuple[str, ...]
    outputs: tuple[str, ...]
    before: Estimate
    after: Estimate
    region: str

    @property
    def counts(self) -> Counter[str]:
        """How many resources are to add, change, replace and so on."""
        return Counter(change.action for change in self.changes)

    @property
    def rise(self) -> float | None:
        """How much more a month costs, as a share; None where nothing was paid before."""
        return self.after.monthly / self.before.monthly - 1 if self.before.monthly else None

    @property
    def costs_much_more(self) -> bool:
        return self.rise is not None and self.rise >= MUCH_MORE

    @property
    def warns_of_cost(self) -> bool:
        """Whether it costs much more, or may: something is new that has no price here."""
        is_known = self.after.unpriced.items() <= self.before.unpriced.items()
        return self.costs_much_more or not is_known

    def warnings(self) -> list[str]:
        """What a reviewer must see first, a line of Markdown each; the gravest first."""
        lost = losses(self.changes)
        others = [change for change in self.changes if not loses_data(change)]
        wider = sorted(
            filter(_is_alarming, self.policies), key=lambda one: (one.is_new, one.gravity)
        )
        found = [*map(_loss, lost[:MOST]), *map(_widening, wider[:MOST])]
        if self.warns_of_cost:
            found.append(f"**Cost**: {self.cost_in_words()}")
        if more := len(lost[MOST:]) + len(wider[MOST:]):
            found.append(f"**{more} more** that lose data or widen a policy: see below")
        found += _line(
            "Look there yourself", (f"{code(one.address)} ({one.to_read})" for one in self._unread)
        )
        found += _line(
            "Alarms, retention, protection",
            (
                f"{change.action} {code(change.address)}{in_brackets(change)}"
                # What is replaced mostly follows something else that is.
                for change in sorted(self.changes, key=lambda change: change.action == "replace")
                if touches_safeguard(change)
            ),
        )
        for title, action in (("Replaced", "replace"), ("Destroyed", "destroy")):
            found += _line(title, (code(c.address) for c in others if c.action == action))
        new = (code(one.address) for one in self.policies if one.is_new and one not in wider)
        return [*found, *_line("New, with policies of their own", new)]

    @property
    def _unread(self) -> list[Difference]:
        """What is new and only known after apply comes with every new thing: it says little."""
        return [
            one
            for one in self.policies
            if one.to_read and not (one.is_new and one.to_read.endswith(KNOWN_LATER))
        ]

    def cost_in_words(self) -> str:
        """Before and after, and what that rests on."""
        before, after, assumed = self.before.monthly, self.after.monthly, self.after.assumptions
        share = "" if self.rise is None else f" ({self.rise:+.0%})"
        amounts = f"${before:,.2f} before, ${after:,.2f} after{share} a month{self._mostly()}"
        if abs(after - before) < 0.005:
            amounts = f"${after:,.2f} a month, as before"
        told = (
            f"{amounts}, for {assumed.pictures_per_day:,.0f} pictures a day on "
            f"{assumed.instance_type}"
        )
        if self.region != price_region():
            told += f", at the prices of {price_region()}, not of {code(self.region)}"
        unpriced = ", ".join(map(code, self.after.unpriced_kinds))
        return f"{told}; not priced: {unpriced}" if unpriced else told

    def _mostly(self) -> str:
        """The service whose cost changes most."""
        more: dict[str, float] = {}
        for sign, estimate in ((-1, self.before), (1, self.after)):
            for line in estimate.lines:
                more[line.service] = more.get(line.service, 0.0) + sign * line.monthly
        service = max(more, key=lambda name: abs(more[name]), default="")
        return f", mostly {service}" if abs(more.get(service, 0.0)) >= 0.01 else ""

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "environment": self.environment,
            "counts": dict(self.counts),
            "warnings": list(map(plain, self.warnings())),
            "changes": [
                {
                    "address": change.address,
                    "action": change.action,
                    "differences": list(change.differences) if change.before else [],
                    "because": list(change.because),
                    "loses_data": loses_data(change),
                    "touches_safeguard": touches_safeguard(change),
                }
                for change in self.changes
            ],
            "policies": [
                {
                    "address": one.address,
                    "wider": list(one.wider),
                    "narrower": list(one.narrower),
                    "new": one.is_new,
                    "to_read": one.to_read,
                }
                for one in self.policies
            ],
            "changed_outside_terraform": list(self.drifted),
            "outputs": list(self.outputs),
            "monthly_usd": {
                "before": round(self.before.monthly, 2),
                "after": round(self.after.monthly, 2),
                "pictures_per_day": self.after.assumptions.pictures_per_day,
                "instance_type": self.after.assumptions.instance_type,
                "not_priced": list(self.after.unpriced_kinds),
                "prices_of": price_region(),
            },
        }


def review(
    environment: str, document: Mapping[str, Any], assumptions: Assumptions | None = None
) -> Review:
    """Judge a plan: `document` is what `terraform show -json` says of it."""
    assumed = assumptions or Assumptions()
    found = changes(document)
    prior = (document.get("prior_state") or {}).get("values") or {}
    planned = document.get("planned_values") or {}
    before, after = (
        monthly(resources_of(values.get("root_module", {})), assumed) for values in (prior, planned)
    )
    return Review(
        environment,
        tuple(found),
        tuple(differences(found)),
        tuple(drifted(document)),
        tuple(changed_outputs(document)),
        before,
        after,
        # A plan says its variables, those with their defaults, too.
        document.get("variables", {}).get("region", {}).get("value") or price_region(),
    )


def in_brackets(change: Change) -> str:
    """What differs, where that is known and something is kept."""
    told = change.differences if change.action == "change" else ()
    return f" ({some(map(code, told))})" if told else ""


def _is_alarming(one: Difference) -> bool:
    """A new thing's policies are as expected, but for those for everything or everybody."""
    return bool(one.wider) and (one.gravity == 0 or not one.is_new)


def _loss(change: Change) -> str:
    verb = "Replaced" if change.action == "replace" else "Destroyed"
    because = f" because of {', '.join(map(code, change.because))}" if change.because else ""
    return f"**{verb}, and {HOLDS_DATA[change.type]} with it**: {code(change.address)}{because}"


def _widening(one: Difference) -> str:
    more = f", and {len(one.wider) - 1} more" if len(one.wider) > 1 else ""
    kind = "New, for everything or everybody" if one.is_new else "Wider"
    return f"**{kind}**: {code(one.address)}: {code(one.wider[0], BRIEFLY)}{more}"


def _line(title: str, parts: Iterable[str]) -> Sequence[str]:
    """One line of at most MOST parts; none when there is nothing."""
    named = list(parts)
    return [f"{title}: {some(named)}"] if named else []
