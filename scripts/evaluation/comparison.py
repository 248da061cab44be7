"""Champion and challenger on the same test pictures: who is right where the other is wrong."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from scripts.evaluation.quality import Prediction

_EXACT_TO = 1e-12


@dataclass(frozen=True)
class Candidate:
    """A model, the threshold chosen for it, and its answers for the test pictures.

    `target_reached` says whether the threshold reaches its target on validation.
    """

    model_name: str
    labels: tuple[str, ...]
    threshold: float
    target_reached: bool
    test: Sequence[Prediction]

    def answers(self) -> dict[tuple[str, str], Prediction]:
        """By picture and true label, as each model has an order of labels of its own.

        Raises ValueError when there are no test pictures, or one of them twice.
        """
        found = {(p.name, self.labels[p.truth]): p for p in self.test}
        if not found or len(found) < len(self.test):
            raise ValueError(f"{self.model_name} needs one answer for each test picture.")
        return found


@dataclass(frozen=True)
class Changed:
    """A picture that changed sides: one of the two models is right about it, the other wrong."""

    name: str
    truth: str
    champion_label: str
    champion_confidence: float
    challenger_label: str
    challenger_confidence: float


@dataclass(frozen=True)
class Comparison:
    """What the test pictures say of both. The first four count pictures.

    `p_worse` and `p_different` are McNemar's exact one- and two-sided p. `loss` is the champion's
    accuracy minus the challenger's, `loss_limit` its upper confidence limit, `margin` what may be
    lost.
    """

    both_right: int
    only_champion: int
    only_challenger: int
    both_wrong: int
    p_worse: float
    p_different: float
    loss: float
    loss_limit: float
    margin: float


def obstacle(champion: Candidate, challenger: Candidate) -> str:
    """Why the two cannot be compared, as a sentence; empty when they can.

    Of models with different labels no answers are looked at. Raises ValueError for one without
    test pictures, or with one of them twice.
    """
    if set(champion.labels) != set(challenger.labels):
        return (
            f"It cannot be compared with the champion, which knows {', '.join(champion.labels)} "
            f"and not {', '.join(challenger.labels)}."
        )
    different = champion.answers().keys() ^ challenger.answers().keys()
    if different:
        return (
            "It cannot be compared with the champion, which answered other test pictures: "
            f"{len(different)} of them have no counterpart."
        )
    return ""


def compare(
    champion: Candidate, challenger: Candidate, margin: float, confidence: float
) -> Comparison:
    """Compare two candidates that have no `obstacle`; `confidence` is that of the limit."""
    old, new = champion.answers(), challenger.answers()
    sides = Counter((old[key].correct, new[key].correct) for key in old)
    lost, won = sides[True, False], sides[False, True]
    return Comparison(
        both_right=sides[True, True],
        only_champion=lost,
        only_challenger=won,
        both_wrong=sides[False, False],
        p_worse=p_worse(lost, won),
        p_different=p_different(lost, won),
        loss=(lost - won) / len(old),
        loss_limit=loss_limit(lost, won, len(old), confidence),
        margin=margin,
    )


def changed_sides(champion: Candidate, challenger: Candidate) -> tuple[Changed, ...]:
    """The pictures that changed sides, by name; first those that only the champion gets right."""
    old, new = champion.answers(), challenger.answers()
    found = [key for key in sorted(old) if old[key].correct != new[key].correct]
    return tuple(
        Changed(
            name=key[0],
            truth=key[1],
            champion_label=champion.labels[old[key].predicted],
            champion_confidence=old[key].confidence,
            challenger_label=challenger.labels[new[key].predicted],
            challenger_confidence=new[key].confidence,
        )
        for key in sorted(found, key=lambda key: new[key].correct)
    )


def p_worse(only_champion: int, only_challenger: int) -> float:
    """Exact one-sided McNemar test: is the challenger worse than the champion?

    Takes how many pictures only the one and only the other got right. Returns how probable it is,
    for two equally good models, that as many of them or more go to the champion: P(X >=
    only_champion) for X binomial with only_champion + only_challenger trials and p = 1/2.
    Q. McNemar, Note on the sampling error of the difference between correlated proportions or
    percentages, Psychometrika 12 (1947), 153-157.
    """
    return _at_most(only_challenger, only_champion + only_challenger)


def p_different(only_champion: int, only_challenger: int) -> float:
    """Exact two-sided McNemar test: twice the smaller tail, at most 1."""
    fewer = min(only_champion, only_challenger)
    return min(1.0, 2 * _at_most(fewer, only_champion + only_challenger))


def _at_most(most: int, tosses: int) -> float:
    """The probability of at most `most` heads when a fair coin is tossed."""
    ways, total = 1, 0
    for heads in range(most + 1):
        total += ways
        ways = ways * (tosses - heads) // (heads + 1)
    return total / (1 << tosses)


def loss_limit(
    only_champion: int, only_challenger: int, samples: int, confidence: float = 0.95
) -> float:
    """The upper confidence limit, one-sided, of what the challenger loses in accuracy: -1 to 1.

    The loss is (only_champion - only_challenger) / samples. The limit is that of the score
    interval for paired proportions, which holds for few discordant pictures and even for none:
    T. Tango, Equivalence test and confidence interval for the difference in proportions for the
    paired-sample design, Statistics in Medicine 17 (1998), 891-908.
    Takes a confidence of at least 1/2. Raises ValueError for counts that cannot be.
    """
    if min(only_champion, only_challenger) < 0 or not (
        0 < samples >= only_champion + only_challenger
    ):
        raise ValueError(f"{only_champion} and {only_challenger} of {samples} cannot be.")
    quantile = NormalDist().inv_cdf(confidence)
    low, high = (only_champion - only_challenger) / samples, 1.0
    while high - low > _EXACT_TO:  # the score falls as the loss grows
        middle = (low + high) / 2
        is_plausible = _score(only_champion, only_challenger, samples, middle) > -quantile
        low, high = (middle, high) if is_plausible else (low, middle)
    return high


def _score(only_champion: int, only_challenger: int, samples: int, loss: float) -> float:
    """How many standard errors the observed loss lies above a true one between it and 1."""
    # The likeliest rate of 'only the challenger is right' if that is the true loss: the larger
    # root of a quadratic equation.
    linear = (2 * samples - only_champion + only_challenger) * loss
    linear -= only_champion + only_challenger
    constant = -only_challenger * loss * (1 - loss)
    root = math.sqrt(max(0.0, linear * linear - 8 * samples * constant))
    only_challenger_rate = (root - linear) / (4 * samples)
    variance = samples * (2 * only_challenger_rate + loss * (1 - loss))
    return (only_champion - only_challenger - samples * loss) / math.sqrt(variance)
