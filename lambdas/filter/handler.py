"""Filter: compare the top score with the threshold, and assign the driver where it is enough.

Each decision is also a metric, 1 for low confidence and 0 otherwise: its average is the rate that
an alarm watches.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common import environment, logs, messages, metrics, scores
from lambdas.common.decision import Assignment, decide, parse_assignments
from lambdas.common.errors import THRESHOLD_CONFIDENCE_NOT_MET, InvalidSettings

METRIC = "LowConfidence"


@dataclass(frozen=True, slots=True)
class Settings:
    """The rule in force: threshold in [0, 1], and what low confidence leads to."""

    threshold: float
    low_confidence_fails: bool
    assignments: Mapping[str, Assignment]


def load_settings(variables: Mapping[str, str]) -> Settings:
    """Settings from environment variables. Raises InvalidSettings naming the wrong one."""
    action = environment.choice(variables, "LOW_CONFIDENCE_ACTION", ("review", "fail"))
    return Settings(
        threshold=environment.fraction(variables, "CONFIDENCE_THRESHOLD"),
        low_confidence_fails=action == "fail",
        assignments=parse_assignments(
            environment.json_object(variables, "ASSIGNMENTS"), "ASSIGNMENTS"
        ),
    )


SETTINGS = load_settings(os.environ)
METRICS = metrics.load_publisher(os.environ, "filter")
logger = logs.open_logger()


@logger.inject_lambda_context(clear_state=True)
def handle(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Lambda's entry point: see `decide_on`."""
    try:
        message = decide_on(event, SETTINGS)
    except THRESHOLD_CONFIDENCE_NOT_MET:
        METRICS.count(METRIC, 1)
        raise
    METRICS.count(METRIC, float(message["decision"] == "review"))
    logger.info(
        message["decision"],
        image=message["image"],
        label=message["label"],
        confidence=message["confidence"],
        threshold=message["threshold"],
    )
    return message


def decide_on(event: object, settings: Settings) -> dict[str, Any]:
    """The scores with the decision made of them, as a message.

    Raises InvalidInput, BadScores, InvalidSettings (an accepted label without an assignment), or
    THRESHOLD_CONFIDENCE_NOT_MET where low confidence has to fail.
    """
    scored = messages.parse_scored(event)
    checked = scores.check(list(scored.scores.values()), list(scored.scores))
    decision = decide(checked, settings.threshold)
    message = {
        "image": messages.image_message(scored.image),
        "scores": checked,
        "variant": scored.variant,
        "label": decision.label,
        "confidence": decision.confidence,
        "threshold": settings.threshold,
        "decision": decision.outcome,
    }
    if decision.outcome == "accepted":
        if decision.label not in settings.assignments:
            raise InvalidSettings(f"ASSIGNMENTS has no entry for {decision.label}")
        message["assignment"] = asdict(settings.assignments[decision.label])
    elif settings.low_confidence_fails:
        raise THRESHOLD_CONFIDENCE_NOT_MET(
            f"{decision.label} has a confidence of {decision.confidence:.4f}, below the threshold"
            f" of {settings.threshold}."
        )
    return message
