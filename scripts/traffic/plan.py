"""What drivers send, and when: the same for the same seed."""

import itertools
import math
import random
import re
from collections.abc import Mapping, Sequence

from scripts.errors import UserError

WORKFLOW, ENDPOINT = "workflow", "endpoint"
TARGETS = (WORKFLOW, ENDPOINT)
"""Where pictures are sent: uploaded for the workflow, or straight to the model."""

MOST = 1_000_000
RHYTHMS: Mapping[str, Sequence[float]] = {
    "steady": (1.0,),
    # A day from midnight on, by the hour: breakfast and tea are the busy times of a scone shop.
    "day": (
        *(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.5, 1.2, 2.0, 2.2, 1.8, 1.2),
        *(1.3, 1.0, 1.2, 2.0, 2.2, 1.6, 1.0, 0.6, 0.4, 0.3, 0.2, 0.1),
    ),
}
_RATE = re.compile(r"(\d+(?:\.\d+)?)/(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}


def rate_of(text: str) -> float:
    """Pictures a second, of `20/s`, `300/m` or `1000/h`. Raises UserError for anything else."""
    match = _RATE.fullmatch(text.strip())
    if not match or not float(match[1]):
        raise UserError(f"'{text}' is no rate. Write it as 20/s, 300/m or 1000/h.")
    return float(match[1]) / _SECONDS[match[2]]


def mix_of(text: str, known: Sequence[str]) -> dict[str, float]:
    """Shares (0 to 1) by kind, of `hostile=0.05,dark=0.2`. What is left is for ordinary pictures.

    Raises UserError for a kind that is not `known`, and for shares that are none.
    """
    mix: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        kind, _, share = part.partition("=")
        if kind not in known:
            raise UserError(f"There are no '{kind}' pictures. There are: {', '.join(known)}.")
        try:
            mix[kind] = float(share)
        except ValueError:
            mix[kind] = math.nan
        if not 0 <= mix[kind] <= 1:
            raise UserError(f"'{part}' is no share. Give one from 0 to 1: {kind}=0.2.")
    if sum(mix.values()) > 1 + 1e-9:
        raise UserError(f"The shares of --mix add up to {sum(mix.values()):g}: 1 is all there is.")
    return mix


def stream(rate: float, seconds: float, rhythm: str, seed: int) -> list[float]:
    """When each of `rate * seconds` pictures is due, in seconds from the start, ascending.

    They arrive by chance, as drivers do: a Poisson process with its number of arrivals given. A
    `rhythm` of RHYTHMS is stretched over the whole time; `rate` is its mean. Raises UserError.
    """
    if rhythm not in RHYTHMS:
        raise UserError(f"There is no rhythm '{rhythm}'. There are: {', '.join(RHYTHMS)}.")
    weights = RHYTHMS[rhythm]
    reached = [0.0, *itertools.accumulate(weights)]
    chance = random.Random(f"{seed}/due")

    def moment(share: float) -> float:
        """Where this share of all traffic is over."""
        wanted = share * reached[-1]
        hour = next(n for n, total in enumerate(reached[1:]) if wanted <= total)
        return seconds * (hour + (wanted - reached[hour]) / weights[hour]) / len(weights)

    return sorted(moment(chance.random()) for _ in range(_checked(round(rate * seconds))))


def burst(count: int) -> list[float]:
    """All at once: every picture is due at the start. Raises UserError."""
    return [0.0] * _checked(count)


def _checked(count: int) -> int:
    if not 0 < count <= MOST:
        raise UserError(f"That is {count:,} pictures. Ask for 1 to {MOST:,}.")
    return count


def kinds(count: int, mix: Mapping[str, float], ordinary: Sequence[str], seed: int) -> list[str]:
    """What each of `count` pictures is: a kind of `mix` by its share, else one of `ordinary`."""
    chance = random.Random(f"{seed}/kinds")
    left = (1 - sum(mix.values())) / len(ordinary)
    shares = dict.fromkeys(ordinary, left)
    for kind, share in mix.items():
        shares[kind] = shares.get(kind, 0.0) + share
    weights = [max(0.0, share) for share in shares.values()]
    return chance.choices(list(shares), weights, k=count)
