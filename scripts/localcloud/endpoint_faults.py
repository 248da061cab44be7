"""How an endpoint's faults look from outside: SageMaker's refusals, and a model's bad answers."""

import time
from collections.abc import Mapping

from scripts.localcloud import faults
from scripts.localcloud.faults import Fault
from scripts.localcloud.hosting import ANSWER_TIMEOUT_S, NO_ANSWER, Answer
from scripts.localcloud.protocol import ServiceError

SLOW_S = 2.0

# Code, message and HTTP status of what SageMaker says before a model is asked.
_REFUSALS: Mapping[str, tuple[str, str, int]] = {
    "throttle": ("ThrottlingException", "Rate exceeded", 400),
    "unavailable": ("ServiceUnavailable", "The service is temporarily unavailable.", 503),
    "not-ready": ("ModelNotReadyException", "The model is not ready to serve requests.", 429),
    "gone": ("ValidationError", "The endpoint was not found.", 400),
}


def refusal(fault: Fault) -> ServiceError | None:
    """SageMaker's error where the fault is its own; None where it is the model's."""
    return ServiceError(*_REFUSALS[fault.kind]) if fault.kind in _REFUSALS else None


def answer(fault: Fault) -> Answer | None:
    """What the model answers instead, if anything; one that hangs takes all the time it has."""
    match fault.kind:
        case "uncaptured":
            return None
        case "slow":
            time.sleep(SLOW_S)
            return None
        case "nonsense":
            return Answer(200, faults.nonsense(fault).encode(), "application/json")
        case "refuse":
            return Answer(415, b"This content type is not supported.", "text/plain")
        case "hang":
            time.sleep(ANSWER_TIMEOUT_S)
            return Answer(NO_ANSWER, b"The model did not answer in time.", "text/plain")
        case "error":
            return Answer(500, b"The model failed.", "text/plain")
    raise ValueError(f"{fault.kind} is no fault of a model")
