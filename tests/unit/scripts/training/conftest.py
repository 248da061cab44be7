"""What the tests of training share: staged data, and a SageMaker that accepts every job."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.artifacts import CURRENT_DATASET, Bucket
from tests.unit.scripts.training.jobs import DATASET, described, submitted


@pytest.fixture
def staged(bucket: Bucket) -> Bucket:
    bucket.write_json(CURRENT_DATASET, DATASET)
    for part in ("train", "validation"):
        key = f"datasets/0123456789ab/{part}_lst/{part}.lst"
        bucket.s3.put_object(Bucket=bucket.name, Key=key, Body=b"0\t0\tbicycle/0.png\n")
    return bucket


@pytest.fixture
def sagemaker(aws: Any, staged: Bucket) -> Any:
    """SageMaker accepts the job, which is completed at the first look."""
    aws.answers["CreateTrainingJob"] = {
        "TrainingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:training-job/some-job"
    }
    aws.answers["DescribeTrainingJob"] = lambda request: described(**request)
    aws.answers["ListTags"] = lambda _request: {"Tags": submitted(aws)["Tags"]}
    return aws
