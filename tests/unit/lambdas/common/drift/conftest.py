"""Traffic of a made-up model: what arrives without drift, and what darkens or doubts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.picture_statistics import COLUMNS, NAMES
from lambdas.common.drift.verdict import Observed

START = datetime(2026, 11, 2, 8, tzinfo=UTC)
LABELS = ("bicycle", "motorcycle")

Window = Callable[..., Observed]


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(20261102)


@pytest.fixture
def window(random: np.random.Generator) -> Window:
    """Make a window of `n` records, `hour` hours after the first one.

    `doubt` brings scores towards 1/2 and `dark` takes brightness away, both from 0 to 1;
    `bicycles` is the share of that class.
    """

    def make(
        n: int, hour: int = 0, doubt: float = 0, dark: float = 0, bicycles: float = 0.5
    ) -> Observed:
        signs = np.where(random.random(n) < bicycles, 1, -1)
        logits = (1 - doubt) * signs * random.normal(3, 1, n)
        scores = 1 / (1 + np.exp(-logits))
        pictures = random.uniform(0.2, 0.6, (n, len(NAMES)))
        pictures[:, 0] *= 1 - dark
        detail = random.spawn(1)[0].uniform(0.2, 0.6, (n, len(COLUMNS) - len(NAMES)))
        end = START + timedelta(hours=hour)
        return Observed(np.stack([scores, 1 - scores], axis=1), np.hstack([pictures, detail]), end)

    return make


@pytest.fixture
def baseline(window: Window) -> Baseline:
    held_out = window(350)
    return Baseline(
        version=3,
        model_name="scones-1",
        labels=LABELS,
        threshold=0.7,
        created_at="2026-11-02T07:00:00+00:00",
        scores=held_out.scores,
        pictures=held_out.pictures,
    )
