"""What strangers send and what goes wrong, all at once, and what is seen of it from outside."""

import base64
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scripts.artifacts import Bucket
from scripts.environment import DEFAULT_REGION, Environment
from scripts.operation import captures, monitoring
from scripts.report.figures import figures
from scripts.report.verdict import verdict
from scripts.serving import deployment
from tests.bad_inputs import KEYS, UPLOADS, photograph, stripes, turned
from tests.e2e.client import aws
from tests.e2e.conftest import Place
from tests.e2e.world import ARTIFACTS, Seen, Sent, World
from tests.e2e.world import UPLOADS as BUCKET
from tests.fuzz.seeds import encoded

STRIKES = 2  # the first try, and a retry
RETRIES_END_WITHIN_S = 150.0
AGAIN_WITHIN_S = 300.0
METRICS_ARRIVE_S = 5.0
AN_ALARM_TAKES_S = 80.0
AGAIN, TIMES = 200, 3  # pictures whose events arrive several times

PICTURE = encoded(stripes(), "PNG")

# Faults of the endpoint that end soon, that last, and that lasting ones end in.
HEALED = {"throttles": "throttle", "is unavailable": "unavailable", "is not ready": "not-ready"}
LASTING = {
    (39, "the endpoint throttles for good"): ("throttle", "Throttled"),
    (39, "the endpoint is gone for good"): ("gone", "EndpointUnavailable"),
    (40, "the endpoint does not answer"): ("hang", "EndpointTimeout"),
    (41, "the model answers 500"): ("error", "EndpointUnavailable"),
}
NONSENSE = {
    (42, "NaN"): "[NaN, 1]",
    (42, "Infinity"): "[Infinity, 0]",
    (42, "a negative score"): "[-0.5, 1.5]",
    (43, "a wrong number of scores"): "[0.5, 0.25, 0.25]",
    (43, "a sum that is not 1"): "[0.7, 0.7]",
    (43, "an empty answer"): "",
    (43, "an answer that is no JSON"): "<html>",
}
WRONG_INPUTS = {
    "a missing field": ({"s3_bucket": BUCKET}, "s3_key: missing"),
    "an extra field": ({"s3_bucket": BUCKET, "s3_key": "incoming/a", "x": 1}, "'x': not a field"),
    "a field of a wrong type": ({"s3_bucket": BUCKET, "s3_key": 7}, "s3_key: expected a text"),
}
LASTING_CASES = [case for _, case in [*LASTING, *NONSENSE]]
DENIED = ["another bucket", "another prefix", "its own output", "access denied"]
# Whoever refuses what a step asks for: the operation, and what the error is called.
REFUSED = {
    "the decisions table refuses": ("PutItem", "DynamoDB.AccessDeniedException"),
    "the event bus refuses": ("PutEvents", "EventBridge.AccessDeniedException"),
    "the review queue refuses": ("SendMessage", "SQS.AccessDeniedException"),
}


@dataclass(frozen=True)
class Story:
    """What was sent, by case, and what became of it: under the faults, and after they had healed.

    The events of `again` arrived three times. `answers` are those of executions that were waited
    for, `alarm` is what a person was told, `notes` what was looked at in other ways.
    """

    world: World
    sent: dict[str, Sent]
    again: list[Sent]
    answers: dict[str, dict[str, Any]]
    seen: Seen
    after: Seen
    alarm: str
    redrives: list[Any]
    notes: dict[str, str]


def tell(deployed: Place) -> Story:
    """Send all of it, once, and look at what becomes of it."""
    world = World(deployed.cloud)
    s3 = aws(deployed.cloud, "s3", s3={"addressing_style": "path"})
    bucket = Bucket(ARTIFACTS, s3)
    threshold = bucket.read_json("deployments/current.json")["confidence_threshold"]
    sent = send_pictures(world) | send_versions(world) | send_into_faults(world, threshold)
    answers = {case: world.ask(given) for case, (given, _) in WRONG_INPUTS.items()}
    failing = {*LASTING_CASES, *REFUSED, *DENIED}
    silent = {"folder marker", "elsewhere", "the table refuses the confirmation"}
    decided = (item for case, item in sent.items() if case not in failing | silent)
    world.settle(decided, len(failing) + len(WRONG_INPUTS), RETRIES_END_WITHIN_S)
    seen = world.look()
    again = send_again(world)
    alarm = await_alarm(world)
    world.heal()
    redrives = [
        deployed.invoke("redrive", "--yes"),
        deployed.invoke("redrive", "--discard", "--yes", "--error", "InvalidInput"),
        deployed.invoke("redrive", "--discard", "--yes", "--error", "AccessDenied"),
    ]
    after = world.look()
    notes = {
        "captures": read_damaged_captures(world, bucket),
        "verdict": without_captures(world, bucket),
    }
    return Story(world, sent, again, answers, seen, after, alarm, redrives, notes)


def send_pictures(world: World) -> dict[str, Sent]:
    """Everything that strangers upload, a few at once."""
    world.cause("repeat", at="ObjectCreated", of="incoming/three-times.png")
    bodies = {
        str(upload): (f"incoming/{number:02d}/{upload.name}", upload.make())
        for number, upload in enumerate(UPLOADS)
    }
    bodies |= {case: (f"incoming/{key}", PICTURE) for _, case, key in KEYS}
    bodies |= {
        "upright": ("incoming/upright.png", turned(1)),
        "folder marker": ("incoming/folder/", b""),
        "three times": ("incoming/three-times.png", PICTURE),
        "a phone's photograph": ("incoming/photograph.jpg", photograph()),
        "elsewhere": ("other/elsewhere.png", PICTURE),
    }
    return dict(zip(bodies, world.put_all(dict(bodies.values())), strict=True))


def send_versions(world: World) -> dict[str, Sent]:
    """Objects that have changed, or are gone, when an execution comes to read them."""

    def two(name: str) -> tuple[Sent, Sent]:
        key = f"adhoc/{name}.png"
        return world.put(key, PICTURE), world.put(key, turned(1))

    given, _ = two("given")
    overwritten, _ = two("overwritten")
    lost, _ = two("lost")
    deleted = world.put("adhoc/deleted.png", PICTURE)
    older, newer = two("order")
    for gone in (deleted, lost):
        world.delete(gone)
    for sent in (given, overwritten, lost, deleted):
        world.start(sent.input)
    world.ask({**newer.input, "sequencer": "0B"})
    world.ask({**older.input, "sequencer": "0A"})
    elsewhere = {
        "another bucket": Sent("models/model.tar.gz", "null", ARTIFACTS),
        "another prefix": Sent("other/a.png", "null"),
        "its own output": Sent("captures/a.jsonl", "null"),
    }
    for sent in elsewhere.values():
        world.start(sent.input)
    return {
        "version id given": given,
        "overwritten": overwritten,
        "lost": lost,
        "deleted": deleted,
        "the older version": older,
        "the newer version": newer,
        **elsewhere,
    }


def send_into_faults(world: World, threshold: float) -> dict[str, Sent]:
    """A picture for each fault, which strikes that picture alone."""
    sent: dict[str, Sent] = {}

    def send(case: str, kind: str, picture: bytes = PICTURE, **how: Any) -> None:
        sent[case] = world.put(f"adhoc/faults/{len(sent):02d}.png", picture)
        of = sent[case].key if how.get("at") == "GetObject" else sent[case].id
        world.cause(kind, of=of, **how)
        world.start(sent[case].input)

    for (_, case), (kind, _) in LASTING.items():
        send(case, kind)
    for what, kind in HEALED.items():
        send(f"{what} and heals", kind)
    for (_, case), answer in NONSENSE.items():
        send(case, "nonsense", body=answer)
    send("exactly the threshold", "nonsense", body=json.dumps([threshold, 1 - threshold]))
    send("refused", "refuse")
    send("access denied", "deny", at="GetObject")
    for case, (operation, _) in REFUSED.items():
        body = b"<html>" if operation == "SendMessage" else PICTURE
        send(case, "deny", body, at=operation)
    send("the table refuses the confirmation", "deny", at="UpdateItem")
    for what in HEALED:
        healing = sent[f"{what} and heals"].id
        world.await_strikes(healing, STRIKES)
        world.heal(healing)
    return sent


def send_again(world: World) -> list[Sent]:
    """Pictures whose events arrive three times each, in any order; returns when all have ended."""
    world.cause("repeat", at="ObjectCreated", of="incoming/again/")
    sent = world.put_all({f"incoming/again/{number:03d}.png": PICTURE for number in range(AGAIN)})
    world.settle(sent, 0, AGAIN_WITHIN_S)
    deadline = time.monotonic() + AGAIN_WITHIN_S
    while (found := executions(world.look(), sent)) < AGAIN * TIMES:
        assert time.monotonic() < deadline, f"{found} executions of {AGAIN * TIMES}"
        time.sleep(0.5)
    return sent


def executions(seen: Seen, sent: list[Sent]) -> int:
    """How many executions came as far as the model."""
    return sum(seen.calls[item.id] for item in sent)


def await_alarm(world: World) -> str:
    """What a person is told when the failure queue is not empty any more."""
    deadline = time.monotonic() + AN_ALARM_TAKES_S
    while time.monotonic() < deadline:
        for message in world.alarms():
            if "uploads were not classified" in message:
                return message
        time.sleep(0.5)
    raise AssertionError("nobody was told of the failures")


def read_damaged_captures(world: World, bucket: Bucket) -> str:
    """A capture file that is late, with a damaged line and an answer in base64."""
    now = datetime.now(UTC)

    def line(answer: str, encoding: str) -> str:
        side = {"observedContentType": "application/json", "mode": "INPUT", "encoding": "BASE64"}
        output = {"data": answer, "encoding": encoding}
        data = {"endpointInput": {**side, "data": "AA=="}, "endpointOutput": output}
        event = {"eventId": "1", "inferenceTime": f"{now:%Y-%m-%dT%H:%M:%SZ}"}
        return json.dumps({"captureData": data, "eventMetadata": event, "eventVersion": "0"})

    in_base64 = base64.b64encode(b"[0.9, 0.1]").decode()
    lines = [line("[0.9, 0.1]", "JSON"), line("[0.9, 0.1]", "JSON")[:50], line(in_base64, "BASE64")]
    late = now + timedelta(minutes=50)
    name = f"{late:%Y/%m/%d/%H/%M-%S}-000-0f0e0d0c-0000-4000-8000-000000000000.jsonl"
    world.capture(f"another-endpoint/AllTraffic/{name}", lines)
    found = captures.read(bucket, "another-endpoint", now - timedelta(minutes=1), now)
    read = sum(record.scores == (0.9, 0.1) for record in found.records)
    return f"{found.damaged_lines} damaged, {read} read"


def without_captures(world: World, bucket: Bucket) -> str:
    """What the report and the monitor say of a time in which nothing was captured."""
    time.sleep(METRICS_ARRIVE_S)
    world.monitor()
    since = datetime.now(UTC)
    world.cause("uncaptured")
    sent = [world.put(f"incoming/uncaptured/{number}.png", PICTURE) for number in range(3)]
    world.settle(sent, 0, 30)
    world.heal()
    time.sleep(METRICS_ARRIVE_S)
    world.monitor()
    windows = [
        bucket.read_json(key)
        for key in bucket.keys("monitoring/windows/")
        if datetime.fromisoformat(bucket.read_json(key)["window"]["end"]) > since
    ]
    with_traffic = [item["drift"]["severity"] for item in windows if item["traffic"]["invoked"]]
    deployed = deployment.load(bucket)
    assert deployed
    with pytest.MonkeyPatch.context() as patch:
        for name, value in world.variables().items():
            patch.setenv(name, value)
        here = Environment("local", DEFAULT_REGION, "scones", {})
        data = monitoring.gather(here, world.outputs(), bucket, deployed, since)
    report = verdict(data, figures(data)).name
    return f"report: {report}, monitor: {', '.join(sorted(set(with_traffic)))}"
