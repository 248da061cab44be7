"""Which fleet answers an endpoint's requests: one, or two in shares while it is updated."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from scripts.localcloud.fleet import Fleet, Invocation, Retired, Variant
from scripts.localcloud.hosting import Answer


@dataclass(frozen=True)
class Lane:
    """A variant of one of the fleets, and its share (0 to 1) of the requests for that variant."""

    variant: Variant
    share: float

    @property
    def weight(self) -> float:
        """Its part of the requests that name no variant."""
        return self.share * self.variant.desired.weight


class Traffic:
    """The way of an endpoint's requests. Whoever closes a fleet has taken its traffic away first.

    `fleet` is the one that the endpoint's configuration describes.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.give(fleet)

    def give(self, fleet: Fleet) -> None:
        """All of it to `fleet`, for good."""
        self.fleet = fleet
        # Replaced, never changed: a request that chooses sees one division or the other.
        self._lanes = [Lane(variant, 1.0) for variant in fleet.variants.values()]

    def split(self, green: Fleet, shares: Mapping[str, float]) -> None:
        """`shares` of each variant's requests to `green`, the rest to the fleet that served."""
        blue = self.fleet.variants.items()
        self._lanes = [
            *(Lane(variant, 1.0 - shares.get(name, 1.0)) for name, variant in blue),
            *(Lane(variant, shares[name]) for name, variant in green.variants.items()),
        ]

    def close(self) -> None:
        """Take no more requests, and end the fleet."""
        self._lanes = []
        self.fleet.close()

    def invoke(self, request: Invocation) -> tuple[Answer, str] | None:
        """The answer and the variant that gave it; None when there is no such variant."""
        while lane := choose(self._lanes, request.target_variant):
            try:
                return lane.variant.invoke(request), lane.variant.name
            except Retired:  # between the choice and the call; the next choice is another one
                continue
        return None


def choose(lanes: Sequence[Lane], target: str | None) -> Lane | None:
    """A lane by its weight, or by its share among those of the variant called `target`."""
    if target is None:
        weights = [lane.weight for lane in lanes]
    else:
        weights = [lane.share * (lane.variant.name == target) for lane in lanes]
    if not any(weights):
        return None
    # Not for secrets: this spreads traffic.
    return random.choices(lanes, weights)[0]  # noqa: S311
