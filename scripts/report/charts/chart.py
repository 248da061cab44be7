"""What a chart hands to the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mark = Literal[
    "disc", "diamond", "square", "ring", "solid", "tint", "hollow", "dark", "right", "wrong",
    "band", "wide-band", "line",
    "bar", "quiet-line", "dashed", "over", "pale", "cross", "none",
    "class-0", "class-1", "class-2", "class-3", "class-4",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class LegendItem:
    """A mark as it appears in the chart, what it means and how many there are."""

    mark: Mark
    text: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The chart's numbers in words; the first cell of each row is its header."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """`finding` is the title in words, `caption` says what is shown, of how many, and when.

    `wide` and `narrow` are the same chart as SVG text for two page widths; the page shows one of
    them. Both are empty where there is nothing to draw.
    """

    finding: str
    caption: str
    wide: str = ""
    narrow: str = ""
    legend: tuple[LegendItem, ...] = ()
    table: Table | None = None
