"""The figures of the drift monitor as tables."""

from typing import Any

import drift_rivals

# The columns' names and the rows.
Table = tuple[tuple[str, ...], list[tuple[str, ...]]]

OURS = ("act", "warn", "watch")


def false_alarms(figures: dict[str, Any]) -> list[Table]:
    """The share of months with an alarm, for independent pictures and for several in a row."""
    months = {("1", rate): found for rate, found in figures["independent"].items()}
    for length, rates in figures["pictures_in_a_row"].items():
        months |= {(length, rate): found for rate, found in rates.items()}
    alarms = (*OURS, *drift_rivals.NAMES)
    rows: list[tuple[str, ...]] = [
        (rate, length, str(found["act"]["runs"]), *(_interval(found[name]) for name in alarms))
        for (length, rate), found in months.items()
    ]
    columns = ("Pictures an hour", "In a row", "Months", *alarms)
    return [(columns, rows)]


def detection(figures: dict[str, Any]) -> list[Table]:
    """What each shift costs and how often it is noticed; then how soon; then the speed."""
    shifts = figures["shifts"]
    sizes = list(next(iter(shifts.values()))["windows"])
    rates = list(next(iter(shifts.values()))["hours"])
    shares: list[tuple[str, ...]] = [
        (
            name,
            _points(shift["cost"]),
            _points(shift["estimated_cost"]),
            *(f"{shift['windows'][n]['act']['share']:.2f}" for n in sizes),
            f"{shift['windows']['200']['warn']['share']:.2f}",
            *(
                " ".join(f"{shift['windows'][n][rival]['share']:.2f}" for n in sizes)
                for rival in drift_rivals.NAMES
            ),
        )
        for name, shift in shifts.items()
    ]
    hours: list[tuple[str, ...]] = [
        (
            name,
            *(_hours(shift["hours"][rate]["act"]) for rate in rates),
            *(_hours(shift["hours"]["100"][rival]) for rival in drift_rivals.NAMES),
        )
        for name, shift in shifts.items()
    ]
    speed = figures["picture_statistics"]
    counted = ", ".join(sizes)
    return [
        (
            (
                "Shift",
                "Costs points",
                "Estimated",
                *(f"act, n = {n}" for n in sizes),
                "warn, n = 200",
                *(f"{rival}, n = {counted}" for rival in drift_rivals.NAMES),
            ),
            shares,
        ),
        (
            (
                "Median hours (9 of 10) to",
                *(f"act, {rate} an hour" for rate in rates),
                *(f"{rival}, 100 an hour" for rival in drift_rivals.NAMES),
            ),
            hours,
        ),
        (
            ("Picture statistics of", "Median s", "Least s", "Most s"),
            [
                (
                    f"{speed['pictures']:,} pictures of {speed['side_px']} px",
                    *(f"{speed[key]:.3f}" for key in ("median_s", "min_s", "max_s")),
                )
            ],
        ),
    ]


def _points(share: float) -> str:
    return f"{100 * share:.1f}"


def _interval(figures: dict[str, Any]) -> str:
    low, high = figures["interval"]
    return f"{figures['share']:.4f} ({low:.4f} to {high:.4f})"


def _hours(figures: dict[str, Any]) -> str:
    median, slow = (
        "over 48" if hours is None else f"{hours:.0f}"
        for hours in (figures["median"], figures["p90"])
    )
    return f"{median} ({slow})"
