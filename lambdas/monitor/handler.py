"""Monitor: once a schedule, what the endpoint was asked and answered since the last time.

It reads captured inferences, and nothing of the uploads; what it finds goes to the artifacts
bucket as a record, to CloudWatch as a few metrics, and to EventBridge where drift demands more than
a look.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from lambdas.common import environment, logs, metrics
from lambdas.monitor.store import READS_AT_ONCE, Store
from lambdas.monitor.traffic import Source
from lambdas.monitor.watch import Services, watch

# What is not read in time is read in the next window: three attempts, and then an alarm.
CONFIG = Config(
    connect_timeout=2,
    read_timeout=10,
    retries={"mode": "standard", "total_max_attempts": 3},
    max_pool_connections=READS_AT_ONCE,
)


def load_source(variables: Mapping[str, str]) -> Source:
    """Whose metrics are read, from environment variables. Raises InvalidSettings."""
    action = environment.choice(variables, "LOW_CONFIDENCE_ACTION", ("review", "fail"))
    return Source(
        namespace=environment.text(variables, "METRIC_NAMESPACE"),
        environment=environment.text(variables, "ENVIRONMENT"),
        endpoint=environment.text(variables, "ENDPOINT_NAME"),
        variant=environment.text(variables, "ENDPOINT_VARIANT"),
        state_machine_arn=environment.text(variables, "STATE_MACHINE_ARN"),
        period_s=environment.whole_number(variables, "METRIC_PERIOD_S", 1, 3600),
        low_confidence_fails=action == "fail",
    )


SOURCE = load_source(os.environ)
SERVICES = Services(
    Store(
        boto3.client("s3", config=CONFIG),
        environment.text(os.environ, "ARTIFACTS_BUCKET"),
    ),
    boto3.client("cloudwatch", config=CONFIG),
    boto3.client("events", config=CONFIG),
    metrics.load_publisher(os.environ, "monitor"),
)
logger = logs.open_logger()


@logger.inject_lambda_context(clear_state=True)
def handle(_event: object, _context: LambdaContext) -> Mapping[str, Any] | None:
    """Lambda's entry point: see `watch`."""
    record = watch(SERVICES, SOURCE, datetime.now(UTC))
    if record is None:
        logger.info("no window")
    else:
        logger.info(
            record["drift"]["sentence"],
            window=record["window"],
            damaged_files=record["damaged_files"],
        )
    return record
