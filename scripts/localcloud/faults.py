"""Faults that are caused on purpose: the switch behind `invoke cloud.fault` and `cloud.heal`.

The switch is a file in the local cloud's folder. Its processes (the local SageMaker, and the
emulator of everything else) look at it at each call, so that a fault begins and ends for all of
them at once, whoever writes the file.
"""

import json
import random
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts.errors import UserError

FILE = "faults.json"
STRUCK = "faults.log"  # a line for each call that ran into a fault: operation, kind, what it was of

# What can be made to go wrong, by the operation at which it does.
KINDS: Mapping[str, Mapping[str, str]] = {
    "InvokeEndpoint": {
        "throttle": "SageMaker asks for fewer requests",
        "unavailable": "SageMaker answers 503",
        "not-ready": "the model is not loaded yet",
        "error": "the model answers 500",
        "refuse": "the model answers 415",
        "hang": "the model does not answer for a minute",
        "nonsense": "the model's answer is no list of probabilities (see --body)",
        "gone": "there is no such endpoint",
        "slow": "the answer is right, and comes two seconds late",
        "uncaptured": "the answer is right, and is not captured",
    },
    "GetObject": {
        "throttle": "S3 asks for fewer requests",
        "error": "S3 answers 500",
        "deny": "S3 denies access",
    },
    "PutItem": {"throttle": "DynamoDB asks for fewer requests", "deny": "DynamoDB denies access"},
    "UpdateItem": {
        "throttle": "DynamoDB asks for fewer requests",
        "deny": "DynamoDB denies access",
    },
    "SendMessage": {"throttle": "SQS asks for fewer requests", "deny": "SQS denies access"},
    "PutEvents": {
        "throttle": "EventBridge asks for fewer requests",
        "deny": "EventBridge denies access",
    },
    "ObjectCreated": {"repeat": "the event of an upload arrives three times, in any order"},
}

NONSENSE = (
    *("", "null", "{}", "[]", "[0.5]", "[0.5, 0.5, 0.0]", '["0.5", "0.5"]'),
    *("[NaN, 1.0]", "[Infinity, 0.0]", "[-0.1, 1.1]", "[0.7, 0.7]", "[true, false]"),
    *("[1e999, 0]", "<html>503</html>", "\ufffd"),
)
"""Answers that a broken model may give, for two labels."""


@dataclass(frozen=True)
class Fault:
    """What goes wrong: at which operation, how, for which share of the calls, until when.

    `share` lies in (0, 1], `until_s` is in seconds since 1970. `of` narrows it to requests that
    hold that text, such as a name or an image id. `body` is what a `nonsense` answer says.
    """

    operation: str
    kind: str
    share: float = 1.0
    until_s: float = float("inf")
    of: str = ""
    body: str | None = None


def cause(folder: Path, fault: Fault) -> None:
    """Switch a fault on, beside those that are on. Raises UserError for an unknown one."""
    if fault.operation not in KINDS:
        raise UserError(f"There is no fault at '{fault.operation}': {', '.join(KINDS)}.")
    if fault.kind not in KINDS[fault.operation]:
        known = ", ".join(KINDS[fault.operation])
        raise UserError(f"{fault.operation} has no fault '{fault.kind}': {known}.")
    if not 0 < fault.share <= 1:
        raise UserError("A fault's share lies above 0 and is at most 1.")
    _write(folder, [*active(folder / FILE), fault])


def heal(folder: Path, of: str = "") -> int:
    """Switch faults off: all of them, or those of the same `of`. Returns how many were on."""
    on = active(folder / FILE)
    left = [fault for fault in on if of and fault.of != of]
    _write(folder, left)
    return len(on) - len(left)


def active(file: Path) -> list[Fault]:
    """The faults that are on."""
    try:
        listed = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return []
    now_s = time.time()
    return [fault for item in listed if (fault := Fault(**item)).until_s > now_s]


def strike(file: Path, operation: str, request: str = "") -> Fault | None:
    """The fault that this call of `operation`, with what it says, runs into, if any."""
    for fault in active(file):
        meant = fault.operation == operation and fault.of in request
        if meant and random.random() < fault.share:  # noqa: S311 - no secret
            with file.with_name(STRUCK).open("a", encoding="utf-8") as log:
                log.write(f"{operation} {fault.kind} {fault.of}\n")
            return fault
    return None


def struck(folder: Path, of: str = "") -> int:
    """How many calls have run into faults of that `of`, since the cloud was started."""
    log = folder / STRUCK
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    return sum(line.split(" ", 2)[2] == of for line in lines)


def nonsense(fault: Fault) -> str:
    """What a model says that answers nonsense."""
    if fault.body is not None:
        return fault.body
    return random.choice(NONSENSE)  # noqa: S311 - no secret


def _write(folder: Path, faults: list[Fault]) -> None:
    """In one piece: the processes of the cloud read it at any moment."""
    unfinished = folder / f"{FILE}.tmp"
    unfinished.write_text(json.dumps([asdict(fault) for fault in faults]), "utf-8")
    unfinished.replace(folder / FILE)
