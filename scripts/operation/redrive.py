"""Give what failed another try: each input once, in a new execution.

A redriven execution holds the claim of the one that failed, so that a decision which was recorded
but never delivered can be completed, and one that was delivered is not given twice. An execution
that fails again puts its input back into the queue itself, as a new message.
"""

import json
import time
from collections.abc import Callable, Collection, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from scripts.environment import Environment
from scripts.operation import failures, queues, workflow
from scripts.operation.failures import Failure
from scripts.operation.queues import Message

# No other redrive sees a message again before its execution is over.
_HIDDEN_S = workflow.ANSWERED_WITHIN_S
NOT_CONFIRMED = "done, but not noted as told"
FAILED_AGAIN = "failed again"
NOT_DONE = "not done"
NO_ANSWER = "no answer"
STILL_WAITING = (FAILED_AGAIN, NOT_DONE, NO_ANSWER)
# Errors of executions that ended without keeping their input: their own, and those that no Catch
# of a state machine sees.
_NOT_KEPT = ("InputNotKept", "States.Runtime", "States.DataLimitExceeded")

Progress = Callable[[int, int], None]


def waiting(environment: Environment, url: str, error: str | None = None) -> list[Failure]:
    """What waits in the failure queue, oldest first; `error` names one kind."""
    with queues.held(environment, url, hidden_s=_HIDDEN_S) as messages:
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

    Returns how many ended as accepted, review, rejected, duplicate, ignored, not noted or failed
    again, and
    how many were not done or gave no answer: their messages stay. Those that were not received
    are in no count. Raises UserError when nothing is deployed.
    """
    arn = workflow.deployed(outputs, "state_machine_arn")
    machine = workflow.executions(environment)
    sqs, url = environment.client("sqs"), outputs["failure_queue_url"]
    counts: dict[str, int] = {}

    def again(failure: Failure) -> str:
        outcome = _run(machine, arn, failure)
        if outcome == NOT_DONE:
            queues.give_back(sqs, url, [failure.message])
        elif outcome != NO_ANSWER:
            queues.delete(sqs, url, [failure.message])
        return outcome

    with (
        ThreadPoolExecutor(queues.AT_ONCE) as pool,
        closing(_batches(sqs, url, ids)) as batches,
    ):
        for some in batches:
            for outcome in pool.map(again, some):
                counts[outcome] = counts.get(outcome, 0) + 1
                progress(sum(counts.values()), len(ids))
    return counts


def discard(environment: Environment, url: str, ids: Collection[str]) -> int:
    """Delete the messages in `ids`. Returns how many there were."""
    sqs = environment.client("sqs")
    deleted = 0
    with closing(_batches(sqs, url, ids)) as batches:
        for some in batches:
            queues.delete(sqs, url, [failure.message for failure in some])
            deleted += len(some)
    return deleted


def _batches(sqs: Any, url: str, ids: Collection[str]) -> Generator[list[Failure]]:
    """The messages in `ids`, a few at a time, hidden from others; all others are given back.

    SQS keeps no order: the last one may come after all others. It ends when no more come, or when
    only others came for as long as these are hidden: from then on they come again.
    """
    left: set[str] = set(ids)
    others: dict[str, Message] = {}
    until = time.monotonic() + _HIDDEN_S
    try:
        while left and time.monotonic() < until:
            messages = queues.receive(sqs, url, queues.AT_ONCE, _HIDDEN_S)
            if not messages:
                return
            wanted = [message for message in messages if message.id in left]
            others |= {message.id: message for message in messages if message.id not in left}
            left -= {message.id for message in wanted}
            if wanted:
                yield [failures.read(message) for message in wanted]
                until = time.monotonic() + _HIDDEN_S
    finally:
        queues.give_back(sqs, url, others.values())


def _run(machine: Any, arn: str, failure: Failure) -> str:
    """How an execution with this input ended."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = machine.start_sync_execution(stateMachineArn=arn, input=json.dumps(failure.input))
    except ClientError:
        return NOT_DONE
    except BotoCoreError:  # it may be running all the same
        return NO_ANSWER
    if answer["status"] == "SUCCEEDED":
        return str(json.loads(answer["output"])["decision"])
    if answer.get("error") == "DeliveryNotConfirmed":
        return NOT_CONFIRMED
    # One that was cut off by its time limit has not kept its input, either.
    kept = answer["status"] == "FAILED" and answer.get("error") not in _NOT_KEPT
    return FAILED_AGAIN if kept else NOT_DONE
