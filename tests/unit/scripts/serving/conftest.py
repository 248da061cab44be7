"""What the tests of serving share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from scripts.artifacts import Bucket
from scripts.evaluation.evaluate import evaluation_key
from tests.unit.scripts.serving.endpoint_in_memory import ARN, MODEL, SageMaker


@pytest.fixture
def sagemaker(
    aws: Any,
    bucket: Bucket,
    aws_error: Callable[..., ClientError],
    evaluation_document: dict[str, Any],
) -> SageMaker:
    """SageMaker without an endpoint, and the model's evaluation."""
    bucket.write_json(evaluation_key(MODEL.name), evaluation_document)
    missing = aws_error("ValidationException", f'Could not find endpoint "{ARN}".')
    no_config = aws_error("ValidationException", f'Could not find endpoint configuration "{ARN}".')
    return SageMaker(aws, missing, no_config)
