"""The gate: may a newly trained model, the challenger, replace the champion that is deployed?

The rule, in plain words:

1. The challenger must reach each floor: accuracy on test, recall of each class, a threshold whose
   accepted validation pictures are right as often as the target asks, the coverage of that
   threshold on test, and the calibration error.
2. It must not be worse than the champion on the same test pictures. What counts are the pictures
   that only one of the two gets right.

It is **rejected** when a floor is missed by more than chance explains, when no threshold reaches
the target, or when the exact McNemar test shows it to be worse, by however little.
It is **approved** when every floor is reached and it is shown not to lose more than the margin:
the upper confidence limit of its loss in accuracy is within it.
Everything in between **needs a person**: it is not shown to be bad and not shown to be good, or
the two models cannot be compared. Without a champion the floors alone decide.

'Shown', and 'more than chance explains', mean one-sided and with the rule's confidence; of the
calibration error, below its 95 % bootstrap interval.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from statistics import NormalDist
from typing import Any, Literal

from scripts.errors import UserError
from scripts.evaluation import calibration, comparison, quality
from scripts.evaluation.comparison import Candidate, Changed, Comparison
from scripts.evaluation.quality import Prediction

Decision = Literal["approve", "reject", "person"]


@dataclass(frozen=True)
class Rule:
    """What the gate asks for: the floors, the margin against the champion, the confidence.

    `calibration_error` is the highest that passes, `margin` the highest loss in accuracy.

    The defaults are meant for 200 test pictures. Where chance lets 2 to 6 % of them change sides,
    an equally good challenger is approved with a probability of .95 to .70 and rejected with one
    of .03 at most. One that is 5 points worse is rejected with .89 and approved with .013 where
    6 % change sides, with .67 and .018 where 10 % do. The others go to a person.
    """

    accuracy: float = 0.90
    recall: float = 0.85
    coverage: float = 0.70
    calibration_error: float = 0.08
    margin: float = 0.04
    confidence: float = 0.95

    @staticmethod
    def with_settings(pairs: Iterable[str]) -> "Rule":
        """The default rule with changes, each written as name=value.

        Raises UserError for an unknown name, and for a value that is out of range.
        """
        known = [field.name for field in fields(Rule)]
        changes: dict[str, float] = {}
        for pair in pairs:
            name, _, text = pair.partition("=")
            if name not in known:
                raise UserError(
                    f"The gate has no setting '{name}'. Write name=value, with one of these "
                    f"names: {', '.join(known)}."
                )
            low, high = (0.5, 0.999) if name == "confidence" else (0.0, 1.0)
            try:
                value = float(text)
            except ValueError:
                value = float("nan")
            if not low <= value <= high:
                raise UserError(
                    f"The gate's {name} must be a number from {low:g} to {high:g}, not '{text}'."
                )
            changes[name] = value
        return replace(Rule(), **changes)

    def in_words(self) -> str:
        """One line, for a plan."""
        return (
            f"accuracy at least {self.accuracy:g}, recall of each class at least {self.recall:g}, "
            f"coverage at least {self.coverage:g}, calibration error at most "
            f"{self.calibration_error:g}, loss against the champion at most {self.margin:g}, "
            f"with a confidence of {self.confidence:g}"
        )


def candidate(evaluation: Mapping[str, Any], test: Sequence[Prediction]) -> Candidate:
    """A candidate from its evaluation's document (scripts/evaluation/evaluate.py)."""
    return Candidate(
        model_name=evaluation["model_name"],
        labels=tuple(evaluation["labels"]),
        threshold=evaluation["threshold"],
        target_reached=evaluation["target_reached"],
        test=test,
    )


@dataclass(frozen=True)
class Check:
    """One floor: what was required and found, in words.

    `reason` is a sentence about a floor that was missed; `clearly_missed` says that it was missed
    by more than chance explains.
    """

    name: str
    required: str
    found: str
    passed: bool
    clearly_missed: bool = False
    reason: str = ""


@dataclass(frozen=True)
class Verdict:
    """The decision, its reasons as sentences, and everything that they rest on.

    `comparison` is None without a champion, and for two models that cannot be compared.
    """

    decision: Decision
    challenger: str
    champion: str | None
    rule: Rule
    reasons: tuple[str, ...]
    checks: tuple[Check, ...]
    comparison: Comparison | None
    changed: tuple[Changed, ...]

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        document: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return document


def judge(challenger: Candidate, champion: Candidate | None, rule: Rule) -> Verdict:
    """Judge `challenger` by `rule`; `champion` is what is deployed now, if anything is.

    Two models whose labels differ are not compared: the champion needs no answers then.
    Raises ValueError for a candidate without test pictures, or with one of them twice.
    """
    checks = tuple(_floors(challenger, rule))
    against = [check.reason for check in checks if check.clearly_missed]
    doubts = [check.reason for check in checks if not (check.passed or check.clearly_missed)]
    in_favour = ["It reaches every floor."]
    found: Comparison | None = None
    changed: tuple[Changed, ...] = ()
    if champion is None:
        in_favour.append("There is no champion to compare it with.")
    elif obstacle := comparison.obstacle(champion, challenger):
        doubts.append(obstacle)
    else:
        found = comparison.compare(champion, challenger, rule.margin, rule.confidence)
        changed = comparison.changed_sides(champion, challenger)
        if found.p_worse <= 1 - rule.confidence:
            against.append(_is_worse(found))
        elif found.loss_limit > rule.margin:
            doubts.append(f"It is not shown to be good enough: {_loss(found, rule)}.")
        else:
            in_favour.append(f"It is not worse than the champion: {_loss(found, rule)}.")
    return Verdict(
        decision="reject" if against else "person" if doubts else "approve",
        challenger=challenger.model_name,
        champion=champion.model_name if champion else None,
        rule=rule,
        reasons=tuple(against + doubts or in_favour),
        checks=checks,
        comparison=found,
        changed=changed,
    )


def _is_worse(found: Comparison) -> str:
    discordant = found.only_champion + found.only_challenger
    return (
        f"It is worse than the champion, which is right about {found.only_champion} of the "
        f"{discordant} pictures that only one of the two gets right (p = {found.p_worse:.2g})."
    )


def _loss(found: Comparison, rule: Rule) -> str:
    return (
        f"its accuracy differs by {0 - found.loss:+.3f}; with a confidence of {rule.confidence:g} "
        f"it loses no more than {found.loss_limit:.3f}, where {rule.margin:g} may be lost"
    )


def _floors(challenger: Candidate, rule: Rule) -> Iterator[Check]:
    test = list(challenger.answers().values())
    yield _share("accuracy", rule.accuracy, [p.correct for p in test], rule)
    for index, label in enumerate(challenger.labels):
        found = [p.correct for p in test if p.truth == index]
        yield _share(f"recall of {label}", rule.recall, found, rule)
    yield Check(
        name="threshold",
        required="reaches the target on validation",
        found=f"{challenger.threshold:g}" if challenger.target_reached else "none does",
        passed=challenger.target_reached,
        clearly_missed=not challenger.target_reached,
        reason="" if challenger.target_reached else "No threshold reaches the target.",
    )
    accepted = [p.confidence >= challenger.threshold for p in test]
    yield _share("coverage", rule.coverage, accepted, rule)
    error = calibration.calibration_error(test)
    lowest, _ = calibration.calibration_error_interval(test)
    limit = rule.calibration_error
    yield _check("calibration error", "at most", limit, error, error <= limit, lowest > limit)


def _share(name: str, floor: float, found: Sequence[bool], rule: Rule) -> Check:
    """A share of pictures that must not be below `floor`."""
    if not found:
        reason = f"The {name} is not known: test has no such picture."
        return Check(name, f"at least {floor:g}", "no picture", passed=False, reason=reason)
    share, quantile = sum(found) / len(found), NormalDist().inv_cdf(rule.confidence)
    highest = quality.wilson_interval(sum(found), len(found), quantile)[1]
    return _check(name, "at least", floor, share, share >= floor, highest < floor)


def _check(
    name: str, word: str, limit: float, found: float, passed: bool, clearly_missed: bool
) -> Check:
    chance = "chance does not explain" if clearly_missed else "chance may explain"
    reason = (
        f"Its {name} is {found:.3f}: {word} {limit:g} is required, and {chance} the difference."
    )
    return Check(
        name=name,
        required=f"{word} {limit:g}",
        found=f"{found:.3f}",
        passed=passed,
        clearly_missed=clearly_missed,
        reason="" if passed else reason,
    )
