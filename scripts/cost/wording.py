"""An estimate as a person reads it."""

from scripts.cost.estimate import (
    Estimate,
    beyond_hosting,
    by_transform,
    in_a_batch,
    original,
    price_region,
    prices,
)
from scripts.errors import UserError

COLUMNS = ("Service", "What", "Quantity", "Unit", "$ a month")


def check_instance_type(instance_type: str) -> None:
    """Raises UserError when the price of hosting on this type is not known."""
    known = [name.split()[1] for name in prices() if name.startswith("hosting ")]
    if instance_type not in known:
        raise UserError(
            f"The price of {instance_type} is not in scripts/cost/prices.json. It has: "
            f"{', '.join(known)}."
        )


def rows(found: Estimate) -> list[tuple[str, ...]]:
    """Every line: first what is paid without a picture, then what pictures add; totals between."""
    table: list[tuple[str, ...]] = []
    for is_idle, total in ((True, found.idle), (False, found.monthly - found.idle)):
        for line in sorted(found.lines, key=lambda line: -line.monthly):
            if line.idle == is_idle:
                amount = f"{line.quantity:,.0f}" if line.quantity >= 10 else f"{line.quantity:.2g}"
                table.append((line.service, line.what, amount, line.unit, f"{line.monthly:,.2f}"))
        what = "without a picture" if is_idle else "with pictures, beside that"
        table.append(("", what, "", "", f"{total:,.2f}"))
    table.append(("", "together", "", "", f"{found.monthly:,.2f}"))
    return table


def conclusion(found: Estimate, region: str) -> list[str]:
    """The comparison that matters, and what it rests on; `region` is the environment's."""
    assumed = found.assumptions
    listed, unpriced = price_region(), ", ".join(found.unpriced_kinds)
    elsewhere = f"At the prices of {listed}, not of {region}: there it may cost more."
    return [
        *([elsewhere] if region != listed else []),
        *([f"Not priced, and in no line: {unpriced}."] if unpriced else []),
        f"A million pictures cost ${beyond_hosting(found):.2f} beyond hosting, and "
        f"${found.per_million:.2f} with tracing, with uploading and with what is kept of them; the "
        f"original design's workflow ${original():.2f}. In a batch they cost "
        f"${in_a_batch(found):.2f}; by batch transform they would ${by_transform(found):.2f}.",
        f"For {assumed.pictures_per_day:,.0f} pictures a day of {assumed.picture_mb:g} MB, "
        f"{assumed.accepted:.0%} of them accepted. Prices: scripts/cost/prices.json. Durations: "
        "scripts/cost/measured.json, from this project's own machine, not from AWS. Left out: free "
        "tiers, training, data transfer, support.",
    ]


def markdown(found: Estimate, region: str) -> str:
    """The same as Markdown."""
    lines = [f"| {' | '.join(COLUMNS)} |", "|---|---|---:|---|---:|"]
    for row in rows(found):
        cells = (f"**{cell}**" if cell and not row[0] else cell for cell in row)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", *conclusion(found, region), ""])
