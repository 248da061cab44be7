"""What the judge is given about a window, and what it says about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float64]


class Severity(IntEnum):
    """How much a window demands: nothing, a look, a plan, action now."""

    NONE = 0
    WATCH = 1
    WARN = 2
    ACT = 3


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """A window: `scores` [n, k] of all records and `pictures` [m, 12] of a sample of them.

    Both in order of arrival; n and m may be 0, and each other's like or not. `end` is when the
    window ended, with its time zone.
    """

    scores: Table
    pictures: Table
    end: datetime


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that is compared with the baseline.

    `statistic` is drifting from `limit` on; both are a distance of distributions from 0 to 1 for a
    Kolmogorov-Smirnov test, the statistic of a chi-square test, or decades of a sequential
    detector. `p_value` is that of the one test, None for a detector; `n` the records compared.
    `since` is the end of the first of the windows in a row that drift; `strength` a share of
    pictures, 0 to 1, that must be other than the baseline's.
    """

    name: str
    statistic: float
    p_value: float | None
    limit: float
    n: int
    since: datetime | None
    is_drifting: bool
    severity: Severity = Severity.NONE
    strength: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a window demands, and why: in `sentence` for people.

    `since` is the earliest of the drifting signals', `strength` the greatest of theirs, None
    without drift. `estimated_harm` is by how much accuracy seems to have fallen, 0 to 1: None
    where there are no records. It is an estimate from confidence; no true labels are known.
    """

    severity: Severity
    signals: Sequence[Signal]
    since: datetime | None
    strength: float | None
    estimated_harm: float | None
    sentence: str
