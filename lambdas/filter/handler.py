"""Filter: compare the top score with the threshold, and assign the driver where it is enough.

Each decision is also a metric, 1 for low confidence and 0 otherwise: its average is the rate that
an alarm watches. It travels in the log (CloudWatch's embedded metric format), so that publishing
it takes no call and no permission.
"""

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.common import environment, messages, scores
from lambdas.common.decision import Assignment, decide, parse_assignments
from lambdas.common.errors import THRESHOLD_CONFIDENCE_NOT_MET, InvalidSettings

METRIC = "LowConfidence"


@dataclass(frozen=True, slots=True)
class Settings:
    """The rule in force: threshold in [0, 1], and what low confidence leads to.

    The metric is published under `metric_namespace`, for the environment called `environment`.
    """

    threshold: float
    low_confidence_fails: bool
    assignments: Mapping[str, Assignment]
    metric_namespace: str
    environment: str


def load_settings(variables: Mapping[str, str]) -> Settings:
    """Settings from environment variables. Raises InvalidSettings naming the wrong one."""
    action = environment.choice(variables, "LOW_CONFIDENCE_ACTION", ("review", "fail"))
    return Settings(
        threshold=environment.fraction(variables, "CONFIDENCE_THRESHOLD"),
        low_confidence_fails=action == "fail",
        assignments=parse_assignments(
            environment.json_object(variables, "ASSIGNMENTS"), "ASSIGNMENTS"
        ),
        metric_namespace=environment.text(variables, "METRIC_NAMESPACE"),
        environment=environment.text(variables, "ENVIRONMENT"),
    )


SETTINGS = load_settings(os.environ)
logger = Logger()


@logger.inject_lambda_context(clear_state=True)
def handle(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Lambda's entry point: see `decide_on`."""
    try:
        message = decide_on(event, SETTINGS)
    except THRESHOLD_CONFIDENCE_NOT_MET:
        count_low_confidence(True, SETTINGS)
        raise
    count_low_confidence(message["decision"] == "review", SETTINGS)
    logger.info(
        message["decision"],
        image=message["image"],
        label=message["label"],
        confidence=message["confidence"],
        threshold=message["threshold"],
    )
    return message


def count_low_confidence(is_low: bool, settings: Settings) -> None:
    """Publish one decision, as a line of the log."""
    with single_metric(
        METRIC,
        MetricUnit.Count,
        float(is_low),
        namespace=settings.metric_namespace,
        # Powertools adds `service` by itself where its own variable is set: here it always is.
        default_dimensions={"Environment": settings.environment, "service": "filter"},
    ):
        pass


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
