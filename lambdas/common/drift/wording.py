"""The verdict as a sentence."""

from collections.abc import Sequence
from datetime import UTC, datetime

from lambdas.common.drift.verdict import Severity, Signal


def sentence(
    severity: Severity,
    drifting: Sequence[Signal],
    since: datetime | None,
    strength: float | None,
    harm: float | None,
    records: int,
) -> str:
    """What has drifted since when, how far, and what it seems to cost; signals worst first."""
    if severity is Severity.NONE or since is None or strength is None:
        return f"No drift in the latest {records:,} record{'s' if records != 1 else ''}."
    names = [signal.name for signal in drifting]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    verb = "has" if len(names) == 1 else "have"
    cost = "No loss of accuracy is estimated."
    if harm is not None and harm >= 0.005:
        points = round(100 * harm)
        cost = f"Accuracy is estimated to be {points} point{'s' if points != 1 else ''} lower."
    return (
        f"{severity.name.capitalize()}: {listed} {verb} drifted since "
        f"{since.astimezone(UTC):%Y-%m-%d %H:%M} UTC. About {strength:.0%} of the pictures are "
        f"unlike the baseline's. {cost}"
    )
