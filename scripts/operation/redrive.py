"""Give what failed another try: each input once, in a new execution.

A redriven execution holds the claim of the one that failed, so that a decision which was recorded
but perhaps never delivered can be completed, and one that was delivered is not given twice. An
execution that fails again puts its input back into the queue itself, as a new message.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from scripts.environment import Environment
from scripts.errors import UserError
from scripts.operation import failures, queues
from scripts.operation.failures import Failure

SHOWN = 1000
# No other redrive sees a message again before its execution is over: they take 290 s at most.
_HIDDEN_S = 330
_AT_ONCE = 10  # SQS's limit for one call
FAILED_AGAIN = "failed again"
NO_ANSWER = "no answer"

Progress = Callable[[int, int], None]


def waiting(environment: Environment, url: str, error: str | None = None) -> list[Failure]:
    """What waits in the failure queue, oldest first, 1,000 at most; `error` names one kind."""
    with queues.held(environment, url, SHOWN) as messages:
        found = [failures.read(message) for message in messages]
    kept = [failure for failure in found if error in (None, failure.error)]
    return sorted(kept, key=lambda failure: failure.message.sent_s)


def redrive(
    environment: Environment,
    outputs: Mapping[str, Any],
    ids: Collection[str],
    progress: Progress,
) -> dict[str, int]:
    """Start an execution with the input of each message in `ids`, and delete it when it has ended.

    Returns how many ended as accepted, review, rejected, duplicate, ignored, failed again, or
    without an answer; the message of one without an answer stays. Raises UserError when nothing
    is deployed.
    """
    if not outputs.get("state_machine_arn"):
        raise UserError("No endpoint is deployed yet. Run: invoke endpoint, then invoke apply")
    # An execution may take longer than clients wait by default, and is never asked for twice.
    machine = environment.client(
        "stepfunctions", read_timeout=_HIDDEN_S, retries={"total_max_attempts": 1}
    )
    sqs, url = environment.client("sqs"), outputs["failure_queue_url"]
    counts: dict[str, int] = {}

    def again(failure: Failure) -> str:
        outcome = _run(machine, outputs["state_machine_arn"], failure)
        if outcome != NO_ANSWER:
            queues.delete(sqs, url, [failure.message])
        return outcome

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for some in _batches(sqs, url, ids):
            replayable = [failure for failure in some if failure.input is not None]
            for outcome in pool.map(again, replayable):
                counts[outcome] = counts.get(outcome, 0) + 1
                progress(sum(counts.values()), len(ids))
    return counts


def discard(environment: Environment, url: str, ids: Collection[str]) -> int:
    """Delete the messages in `ids`. Returns how many there were."""
    sqs = environment.client("sqs")
    deleted = 0
    for some in _batches(sqs, url, ids):
        queues.delete(sqs, url, [failure.message for failure in some])
        deleted += len(some)
    return deleted


def _batches(sqs: Any, url: str, ids: Collection[str]) -> Iterator[list[Failure]]:
    """The messages in `ids`, a few at a time, hidden from others; all others are given back."""
    left, others = set(ids), []
    try:
        while left and (messages := queues.receive(sqs, url, _AT_ONCE, _HIDDEN_S)):
            wanted = [message for message in messages if message.id in left]
            others += [message for message in messages if message.id not in left]
            left -= {message.id for message in wanted}
            yield [failures.read(message) for message in wanted]
    finally:
        queues.give_back(sqs, url, others)


def _run(machine: Any, arn: str, failure: Failure) -> str:
    """How an execution with this input ended."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = machine.start_sync_execution(stateMachineArn=arn, input=json.dumps(failure.input))
    except (BotoCoreError, ClientError):
        return NO_ANSWER
    match answer["status"]:
        case "SUCCEEDED":
            return str(json.loads(answer["output"])["decision"])
        case "FAILED":
            return FAILED_AGAIN
        case _:  # cut off by its time limit: it has not kept its input
            return NO_ANSWER
