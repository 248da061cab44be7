"""The latest records of several windows together: what small windows cannot show alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lambdas.common.drift.baseline import rounded

Table = NDArray[np.float64]

SIZES = (200, 1_000)
"""Records of a pool: few for what changed just now, many for what changed a little. A larger window
is a pool of its own."""

MOST_OF_WINDOW = 2_000
"""Of a larger window so many records count, evenly spaced. The baseline has fewer, so that more
would hardly show more."""


def extend(kept: Sequence[Any], new: Table) -> Table:
    """The records kept from earlier windows, rows as JSON, and the new ones behind them."""
    return np.vstack([rounded(kept), new]) if kept else new


def latest(records: Table, new: int) -> list[Table]:
    """The pool of each of SIZES: the last records, at least the `new` ones of this window."""
    return [records[-max(size, new) :] for size in SIZES]


def keep(records: Table) -> list[list[float]]:
    """What to keep of them as JSON for the next windows."""
    kept: list[list[float]] = records[-SIZES[-1] :].tolist()
    return kept


def evenly(records: Table, most: int = MOST_OF_WINDOW) -> Table:
    """At most so many records, evenly spaced, the last one among them."""
    if len(records) <= most:
        return records
    places = np.linspace(0, len(records) - 1, most).round().astype(np.intp)
    return records[places]
