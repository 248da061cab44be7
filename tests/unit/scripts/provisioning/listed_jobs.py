"""How SageMaker lists jobs, for the tests of removing an environment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any


def listed_jobs(kind: str, statuses: dict[str, str]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """An answer to ListTrainingJobs or ListTransformJobs."""

    def answer(request: dict[str, Any]) -> dict[str, Any]:
        chosen = {
            name: status
            for name, status in statuses.items()
            if request.get("NameContains", "") in name
            and request.get("StatusEquals", status) == status
        }
        now = datetime(2026, 11, 23, tzinfo=UTC)
        return {
            f"{kind}JobSummaries": [
                {f"{kind}JobName": name, f"{kind}JobStatus": status, "CreationTime": now}
                for name, status in chosen.items()
            ]
        }

    return answer
