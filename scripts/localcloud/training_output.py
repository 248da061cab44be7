"""What a training job's output says: its metrics, and why it failed."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class OutputTail:
    """The last line of a job's output, and the metrics that its definitions find in it.

    `definitions` are MetricDefinitions: a Name, and a Regex whose first group is the value.
    """

    def __init__(self, definitions: Sequence[Mapping[str, str]]) -> None:
        self._patterns = [(item["Name"], re.compile(item["Regex"])) for item in definitions]
        self._metrics: dict[str, dict[str, Any]] = {}
        self.last_line = ""

    def add(self, line: str) -> None:
        if line.strip():
            self.last_line = line
        for name, pattern in self._patterns:
            if match := pattern.search(line):
                # What is no number, or no group at all, is no metric.
                with contextlib.suppress(ValueError, IndexError, TypeError):
                    value = float(match.group(1))
                    self._metrics[name] = {
                        "MetricName": name,
                        "Value": value,
                        "Timestamp": datetime.now(UTC),
                    }

    def metrics(self) -> list[dict[str, Any]]:
        """The last value of each metric, as FinalMetricDataList has it."""
        return list(self._metrics.values())


def failure_reason(output: Path, command: Sequence[str], code: int, last_line: str) -> str:
    """AWS's FailureReason: the job's own words when it left some, else the end of its output.

    `output` is the job's output folder, where it may write a file `failure`.
    """
    note = output / "failure"
    if note.is_file():
        return f"AlgorithmError: {note.read_text('utf-8', 'replace')}, exit code: {code}"
    shown = " ".join(["python", *(part.rpartition("/")[2] for part in command[2:])])
    return (
        f"AlgorithmError: ExecuteUserScriptError:\nExitCode {code}\n"
        f'ErrorMessage "{last_line}"\nCommand "{shown}", exit code: {code}'
    )
