"""How long the functions and an execution take when they are warm, for the estimate of cost.

On this machine's cores, with nothing else to do. Lambda's share of a processor goes with its memory
(1,769 MB are one), so processor seconds are stretched by that share; waiting is not.
"""

import io
import json
import re
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psutil
from deployment import deployed, held_out_pictures
from PIL import Image

from scripts.cost.estimate import STEPS, prices
from scripts.environment import ROOT
from tests.e2e.client import aws
from tests.e2e.world import ARTIFACTS, TABLE, World

RUNS, ROUNDS = 20, 6
PHOTOGRAPH_PX = (4000, 3000)  # a phone's
SHIPPED = ROOT / "scripts" / "cost" / "measured.json"
ONE_PROCESSOR_MB = 1769
EVENT_BYTES = 26  # what CloudWatch counts beside an event's message
# Sizes to choose from; serialize's largest upload takes 889 MB, the others some 60.
MEMORY_MB = {
    "serialize": (1024, 1152, 1408, 1769, 2048),
    "infer": (128, 256, 512, 1024),
    "filter": (128, 256, 512),
}
# What a network adds on AWS and is nothing here: first byte of S3, of DynamoDB and of the endpoint.
# Not measured; generous figures of the services' own documentation are some tens of milliseconds.
NETWORK_S = {"serialize": 0.06, "infer": 0.02, "filter": 0.0, "monitor": 1.0}
# Two writes to DynamoDB, one event, and Step Functions itself: not measured either.
OTHER_STEPS_S = 0.1


def measure(say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds of processor and of wall clock of each function, and bytes of what is kept."""
    body = _photograph(held_out_pictures()[0])
    with deployed(say) as here:
        say("calling")
        figures = _measure(World(here.cloud), body)
    SHIPPED.write_text(json.dumps(_shipped(figures), indent=2) + "\n")
    return figures


def _shipped(figures: dict[str, Any]) -> dict[str, Any]:
    """What the estimate of cost reads: an execution is its three functions, and its other steps."""
    billed = {name: _billed_s(figures["functions"], name) for name in figures["functions"]}
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "command": "python tests/benchmarks/bench.py --only functions",
        "billed_s": billed,
        "execution_s": round(sum(billed[name] for name in STEPS) + OTHER_STEPS_S, 3),
        **{name: figures[name] for name in ("decision_bytes", "capture_bytes", "log_bytes")},
    }


def _billed_s(functions: dict[str, Any], name: str, memory_mb: int | None = None) -> float:
    """What Lambda would bill: processor time at the function's share, waiting, and the network.

    `memory_mb` instead of what the function has. A call takes a while here beside what the function
    does: as much as for filter, which does not wait for anything.
    """
    item, idle = functions[name], functions["filter"]
    waiting = item["wall_s"] - item["processor_s"] - (idle["wall_s"] - idle["processor_s"])
    share = min(1.0, (memory_mb or item["memory_mb"]) / ONE_PROCESSOR_MB)
    return round(item["processor_s"] / share + max(0.0, waiting) + NETWORK_S[name], 4)


def _photograph(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        large = picture.convert("RGB").resize(PHOTOGRAPH_PX, Image.Resampling.BICUBIC)
    out = io.BytesIO()
    # Noise as a camera has it: a smooth picture would be a tenth of the bytes.
    noise = Image.effect_noise(PHOTOGRAPH_PX, 24).convert("RGB")
    Image.blend(large, noise, 0.2).save(out, "JPEG", quality=88)
    return out.getvalue()


def _measure(world: World, body: bytes) -> dict[str, Any]:
    functions = aws(world.cloud, "lambda")
    sent = world.put("adhoc/photograph.jpg", body)
    settings = {
        name: functions.get_function_configuration(FunctionName=f"scones-local-{name}")
        for name in ("serialize", "infer", "filter", "monitor")
    }
    given: Any = sent.input
    found: dict[str, Any] = {}
    for name in settings:
        answer, walls, busy = _calls(world, functions, name, {} if name == "monitor" else given)
        memory_mb = settings[name]["MemorySize"]
        found[name] = {"wall_s": walls, "processor_s": busy, "memory_mb": memory_mb}
        given = answer
    world.ask(sent.input)
    executions = []
    for _ in range(RUNS):
        started = time.perf_counter()
        world.ask(sent.input)
        executions.append(time.perf_counter() - started)
    return {
        "photograph_bytes": len(body),
        "functions": found,
        "execution_wall_s": statistics.median(executions),
        "decision_bytes": _decision_bytes(world, sent.id),
        "capture_bytes": _capture_bytes(world),
        "log_bytes": _log_bytes(world),
    }


def _calls(world: World, functions: Any, name: str, given: Any) -> tuple[Any, float, float]:
    """The last answer, and the wall and processor seconds of a warm call, each from the round with
    the least: what other work on the machine takes is not the function's."""

    def call() -> Any:
        answer = functions.invoke(FunctionName=f"scones-local-{name}", Payload=json.dumps(given))
        return json.loads(answer["Payload"].read())

    answer = call()
    walls, busy = [], []
    for _ in range(ROUNDS):
        before, started = _busy(world), time.perf_counter()
        for _ in range(RUNS):
            answer = call()
        walls.append((time.perf_counter() - started) / RUNS)
        busy.append((_busy(world) - before) / RUNS)
    return answer, min(walls), min(busy)


def _busy(world: World) -> float:
    """Processor seconds of all functions' processes so far."""
    total = 0.0
    for process in psutil.Process(world.pid).children(recursive=True):
        if re.search("lambda_bootstrap", " ".join(process.cmdline())):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def _decision_bytes(world: World, image_id: str) -> int:
    item = aws(world.cloud, "dynamodb").get_item(
        TableName=TABLE, Key={"image_id": {"S": image_id}}
    )["Item"]
    # As DynamoDB counts: names and values.
    return sum(len(name) + len(next(iter(value.values()))) for name, value in item.items())


def _capture_bytes(world: World) -> int:
    """Bytes of one captured record."""
    time.sleep(3)  # captures arrive a little later
    s3 = aws(world.cloud, "s3", s3={"addressing_style": "path"})
    pages = s3.list_objects_v2(Bucket=ARTIFACTS, Prefix="captures/")
    body = s3.get_object(Bucket=ARTIFACTS, Key=pages["Contents"][0]["Key"])["Body"].read()
    return round(len(body) / len(body.splitlines()))


def _log_bytes(world: World) -> int:
    """Bytes that the three functions log for a picture.

    Lambda's own lines are left out: at the level that Terraform sets, it writes none for a call
    that goes well. The local Lambda writes them all the same, as text: a START tells the calls.
    """
    logs, total = aws(world.cloud, "logs"), 0.0
    for name in STEPS:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/scones-local-{name}"
        )
        messages = [event["message"] for page in pages for event in page["events"]]
        ours = sum(len(text) + EVENT_BYTES for text in messages if text.startswith("{"))
        total += ours / sum(text.startswith("START ") for text in messages)
    return round(total)


def table(figures: dict[str, Any]) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """For the terminal."""
    per_million = prices()["lambda arm64"][0] * 1e6
    rows: list[tuple[str, ...]] = [
        (
            name,
            f"{item['memory_mb']}",
            *(f"{1e3 * item[key]:.1f}" for key in ("wall_s", "processor_s")),
            f"{1e3 * _billed_s(figures['functions'], name):.1f}",
        )
        for name, item in figures["functions"].items()
    ]
    sizes: list[tuple[str, ...]] = [
        (
            name,
            f"{memory_mb}",
            f"{1e3 * billed:.1f}",
            f"{billed * memory_mb / 1024 * per_million:.2f}",
        )
        for name in STEPS
        for memory_mb in MEMORY_MB[name]
        if (billed := _billed_s(figures["functions"], name, memory_mb))
    ]
    return [
        (("Function", "MB", "Wall ms", "Processor ms", "Billed ms, estimated"), rows),
        (("With other memory", "MB", "Billed ms, estimated", "$ a million"), sizes),
    ]
