"""Distributed Map as AWS runs it: children with a name and variables of their own, groups of items,
limits, and results in S3.

ministack 1.5.33 reads the fields of a Distributed Map as JSONPath only, gives its children the
execution id and the variables of their parent, starts every child whatever has failed already,
keeps each of them for ever, and its ResultWriter writes nothing.
"""

import contextvars
import json
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import s3, stepfunctions

# More children at a time than this machine can make use of would only wait for each other.
AT_ONCE = 64

Child = dict[str, Any]


def mend() -> None:
    """Run Distributed Maps so from now on, in this process."""
    stepfunctions._run_distributed_map = _run


def _run(
    state: Mapping[str, Any],
    given: Any,
    effective: Any,
    processor: Mapping[str, Any],
    execution: dict[str, Any],
    context: dict[str, Any],
) -> tuple[Any, str | None]:
    """What a Map state hands on, and the state that is next. Raises when too many have failed."""

    def filled(value: Any) -> Any:
        return stepfunctions._apply_jsonata_template(value, given, context)

    items = _items(state, filled, effective, context)
    groups = _groups(items, state)
    run = _begin(state, execution, len(items), len(groups))
    finished = _Finished(run, state)
    with ThreadPoolExecutor(run["maxConcurrency"] or AT_ONCE) as pool:

        def work(group: _Group) -> None:
            if execution["status"] == "RUNNING" and not finished.is_given_up:
                finished.add(_run_child(run, processor, group, context, finished.count))

        # In the context of the request: it says whose account this is.
        for job in [pool.submit(contextvars.copy_context().run, work, group) for group in groups]:
            job.result()
    run.update(status="FAILED" if finished.is_given_up else "SUCCEEDED", stopDate=now_iso())
    outputs = (child.get("Output") for child in finished.children)
    output: Any = [json.loads(text) for text in outputs if text is not None]
    if writer := state.get("ResultWriter"):
        output = _write(filled(writer["Arguments"]), writer["WriterConfig"], run, finished.children)
    if finished.is_given_up:
        raise stepfunctions._ExecutionError(
            "States.ExceedToleratedFailureThreshold",
            "The specified tolerated failure threshold was exceeded",
        )
    handed_on = stepfunctions._apply_jsonata_output(
        state, given, context, result=output, default=output
    )
    return handed_on, stepfunctions._next_or_end(state)


class _Finished:
    """The children that have ended, and whether so many failed that the run is given up."""

    def __init__(self, run: dict[str, Any], state: Mapping[str, Any]) -> None:
        self.children: list[Child] = []
        self.is_given_up = False
        self._run, self._lock = run, threading.Lock()
        self._tolerated_percent = float(state.get("ToleratedFailurePercentage", 0))

    def add(self, child: Child) -> None:
        with self._lock:
            self.children.append(child)
            counts = self._run["itemCounts"]
            if 100 * counts["failed"] > self._tolerated_percent * counts["total"]:
                self.is_given_up = True

    def count(self, items: int, before: str, after: str) -> None:
        """Note that one child, with so many items, has changed its status."""
        with self._lock:
            for counted, number in (("itemCounts", items), ("executionCounts", 1)):
                self._run[counted][before] -= number
                self._run[counted][after] += number


@dataclass(frozen=True)
class _Group:
    """What one child is given, and how many items that is."""

    given: Any
    items: int


def _groups(items: list[Any], state: Mapping[str, Any]) -> list[_Group]:
    """Each item by itself, or as many together as `ItemBatcher` says."""
    if not (batcher := state.get("ItemBatcher")):
        return [_Group(item, 1) for item in items]
    size = int(batcher["MaxItemsPerBatch"])
    parts = [items[start : start + size] for start in range(0, len(items), size)]
    return [_Group({"Items": part}, len(part)) for part in parts]


def _items(
    state: Mapping[str, Any], filled: Callable[[Any], Any], effective: Any, context: Any
) -> list[Any]:
    reader = state.get("ItemReader")
    if reader is None:
        found = filled(state["Items"])
        return found if isinstance(found, list) else [found]
    reader = {**reader, "Parameters": filled(reader["Arguments"])}
    items: list[Any] = stepfunctions._read_map_items(reader, effective, context)
    return items


def _begin(
    state: Mapping[str, Any], execution: Mapping[str, Any], items: int, groups: int
) -> dict[str, Any]:
    """The Map Run that DescribeMapRun tells of."""
    *_, region, account, _, machine = execution["stateMachineArn"].split(":")
    label = state.get("Label") or str(uuid.uuid4())
    here = f"arn:aws:states:{region}:{account}"
    kinds = ("running", "succeeded", "failed", "timedOut", "aborted", "resultsWritten")

    def counts(total: int) -> dict[str, int]:
        return {"total": total, "pending": total, **dict.fromkeys(kinds, 0)}

    run = {
        "mapRunArn": f"{here}:mapRun:{machine}/{label}:{uuid.uuid4()}",
        "executionArn": execution["executionArn"],
        "status": "RUNNING",
        "startDate": now_iso(),
        "maxConcurrency": int(state.get("MaxConcurrency") or 0),
        "toleratedFailurePercentage": float(state.get("ToleratedFailurePercentage", 0)),
        "toleratedFailureCount": 0,
        "itemCounts": counts(items),
        "executionCounts": counts(groups),
        "redriveCount": 0,
        "_stateMachineArn": f"{here}:stateMachine:{machine}/{label}",
        "_children": f"{here}:express:{machine}/{label}:{execution['name']}",
    }
    stepfunctions._map_runs[run["mapRunArn"]] = run
    return run


def _run_child(
    run: Mapping[str, Any],
    processor: Mapping[str, Any],
    group: _Group,
    context: Mapping[str, Any],
    count: Callable[[int, str, str], None],
) -> Child:
    """Run one child to its end. It is kept by nobody here; AWS keeps it for 90 days."""
    name, began = str(uuid.uuid4()), now_iso()
    child: Child = {
        "ExecutionArn": f"{run['_children']}:{name}",
        "Input": json.dumps(group.given),
        "InputDetails": {"Included": True},
        "Name": name,
        "StartDate": began,
        "StateMachineArn": run["_stateMachineArn"],
    }
    own = {
        "QueryLanguage": context["QueryLanguage"],
        "Execution": {
            "Id": child["ExecutionArn"],
            "Input": group.given,
            "Name": name,
            "StartTime": began,
        },
        "StateMachine": context["StateMachine"],
        "variables": {},
    }
    record = {"status": "RUNNING", "events": [], "executionArn": child["ExecutionArn"]}
    count(group.items, "pending", "running")
    try:
        output = stepfunctions._run_sub_machine(
            processor["States"], processor["StartAt"], group.given, record, own
        )
        child |= {"Status": "SUCCEEDED", "Output": json.dumps(output)}
    except Exception as error:
        if not isinstance(error, stepfunctions._ExecutionError):
            error = stepfunctions._ExecutionError("States.Runtime", str(error))
        child |= {"Status": "FAILED", "Error": error.error, "Cause": error.cause}
    child["StopDate"] = now_iso()
    count(group.items, "running", child["Status"].lower())
    return child


def _write(
    where: Mapping[str, str],
    config: Mapping[str, str],
    run: dict[str, Any],
    children: list[Child],
) -> dict[str, Any]:
    """A file for each way to end, and a manifest of them; what failed keeps all that is known.

    Transformation is COMPACT or FLATTEN: outputs alone, or what is in them where they are lists.
    """
    folder = f"{where['Prefix'].rstrip('/')}/{uuid.uuid4()}"
    files: dict[str, list[dict[str, Any]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for status in ("SUCCEEDED", "FAILED"):
        ended = [child for child in children if child["Status"] == status]
        lines = [
            line
            for child in ended
            for line in (_outputs(child, config) if status == "SUCCEEDED" else [json.dumps(child)])
        ]
        if lines:
            text = _joined(lines, config["OutputType"])
            key = f"{folder}/{status}_0.{config['OutputType'].lower()}"
            files[status].append({"Key": key, "Size": _put(where["Bucket"], key, text)})
    manifest = {
        "DestinationBucket": where["Bucket"],
        "MapRunArn": run["mapRunArn"],
        "ResultFiles": files,
    }
    key = f"{folder}/manifest.json"
    _put(where["Bucket"], key, json.dumps(manifest))
    for counts in (run["itemCounts"], run["executionCounts"]):
        counts["resultsWritten"] = counts["succeeded"] + counts["failed"]
    return {
        "MapRunArn": run["mapRunArn"],
        "ResultWriterDetails": {"Bucket": where["Bucket"], "Key": key},
    }


def _outputs(child: Child, config: Mapping[str, str]) -> list[str]:
    output = json.loads(child["Output"])
    if config["Transformation"] == "FLATTEN" and isinstance(output, list):
        return [json.dumps(item) for item in output]
    return [child["Output"]]


def _joined(lines: list[str], output_type: str) -> str:
    return "\n".join(lines) + "\n" if output_type == "JSONL" else f"[{','.join(lines)}]"


def _put(bucket: str, key: str, text: str) -> int:
    body = text.encode()
    status, _, answer = s3._put_object(bucket, key, body, {})
    if status != 200:
        raise stepfunctions._ExecutionError("States.ResultWriterFailed", str(answer))
    return len(body)
