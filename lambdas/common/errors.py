"""What can go wrong in the workflow. Lambda reports a class's name as the error's type, so the
names are a contract with the state machine, which retries some and never the others."""

from enum import StrEnum


class Reason(StrEnum):
    """Why an upload cannot be classified, as recorded with the decision."""

    EMPTY = "empty"
    NOT_AN_IMAGE = "not_an_image"
    DAMAGED = "damaged"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"
    TOO_LARGE = "too_large"
    GONE = "gone"
    MODEL_REFUSED = "model_refused"


class Rejected(Exception):
    """An upload that cannot be classified: a result for a person to look at, not a failure.

    `detail` is one plain sentence. The handlers turn it into a message; it never leaves them.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class WorkflowError(Exception):
    """A failure of the system or of a caller, as opposed to an upload that is no good."""


class InvalidSettings(WorkflowError):
    """The function's own environment variables are wrong. Never retried."""


class InvalidInput(WorkflowError):
    """A message with a missing, extra or wrong field; the text names it. Never retried."""


class AccessDenied(WorkflowError):
    """Refused by IAM, by KMS, or by this code's own limits on what may be read. Never retried."""


class ServiceRefused(WorkflowError):
    """A service refuses a request for a reason that has no name here. Never retried."""


class BadScores(WorkflowError):
    """The model's answer is not one probability for each label. Never retried."""


class Throttled(WorkflowError):
    """A service asks for fewer requests. Retried."""


class EndpointUnavailable(WorkflowError):
    """A service, or the model behind it, answers 5xx or cannot be reached. Retried."""


class EndpointTimeout(WorkflowError):
    """A service did not answer in time. Retried."""


class THRESHOLD_CONFIDENCE_NOT_MET(WorkflowError):
    """The top score is below the threshold where low confidence must fail. Never retried."""
