"""Periods as people write them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scripts.errors import UserError
from scripts.operation import monitoring


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("30m", timedelta(minutes=30)),
        ("24h", timedelta(hours=24)),
        ("7d", timedelta(days=7)),
        ("99999d", timedelta(days=99_999)),
    ],
)
def test_a_period_is_minutes_hours_or_days(text: str, period: timedelta) -> None:
    assert monitoring.parse_period(text) == period


@pytest.mark.parametrize(
    "text",
    [
        "",
        "m",
        "30",
        "0h",
        "-1d",
        "1.5h",
        "1w",
        "1 d",
        "d1",
        "24H",
        "²d",
        "٣d",
        "9" * 9 + "d",
        "1d\n",
    ],
)
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UserError, match="such as 30m or 7d"):
        monitoring.parse_period(text)
