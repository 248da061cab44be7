"""What the demo's tests share: four uploads and what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from scripts.demo.uploads import Run


@pytest.fixture
def make_run() -> Callable[..., Run]:
    """make_run(...): four uploads, each decided and told of once, but for what is given."""
    from scripts.demo.uploads import Run
    from scripts.operation.workflow import Uploaded

    def make(**given: Any) -> Run:
        ids = ("a", "b", "c", "d")
        decided = ("accepted", "accepted", "review", "rejected")
        fields: dict[str, Any] = {
            "uploads": [Uploaded(f"incoming/{item}.png", "1", item) for item in ids],
            "decisions": {
                item: {"decision": made, "s3_key": f"incoming/{item}.png", "label": "bicycle"}
                for item, made in zip(ids, decided, strict=True)
            },
            "deliveries": Counter(ids),
            "failed": 0,
            "truths": {"incoming/a.png": "bicycle", "incoming/b.png": "motorcycle"},
            "started": datetime.now(UTC),
        }
        return Run(**(fields | given))

    return make
