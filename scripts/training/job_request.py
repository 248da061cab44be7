"""What an algorithm asks of a training job, and the CreateTrainingJob request made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scripts.environment import Environment

# Ten epochs of 850 pictures take 75 s, of CIFAR-100's 42,500 an hour; larger pictures, longer.
MAX_RUNTIME_S = 14_400


@dataclass(frozen=True)
class JobRequest:
    """One algorithm's part of a CreateTrainingJob request.

    `channels` are S3 prefixes by name, and `content_type` is what lies there, where the container
    asks for it. `hyperparameters` are texts, as the container reads them. `variables` are the
    container's environment variables, and `metrics` the regular expressions that find each metric
    in its log; AWS's own algorithms bring theirs.
    """

    image: str
    instance_type: str
    volume_gb: int
    hyperparameters: Mapping[str, str]
    channels: Mapping[str, str]
    content_type: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)


def session(environment: Environment) -> Any:
    """A session of one's own: the SDK would keep its first client, wherever that points."""
    import boto3

    return boto3.Session(region_name=environment.region)


def submit(
    environment: Environment,
    asked: JobRequest,
    job: str,
    role_arn: str,
    output_uri: str,
    tags: Mapping[str, str],
) -> Any:
    """Start a training job called `job` on one instance, for at most MAX_RUNTIME_S.

    Returns the SDK's TrainingJob. Raises botocore's ClientError when AWS refuses.
    """
    from sagemaker.core.resources import Tag, TrainingJob
    from sagemaker.core.shapes import (
        AlgorithmSpecification,
        Channel,
        DataSource,
        MetricDefinition,
        OutputDataConfig,
        ResourceConfig,
        S3DataSource,
        StoppingCondition,
    )

    def channel(name: str, uri: str) -> Channel:
        data = S3DataSource(
            s3_data_type="S3Prefix",
            s3_uri=uri,
            s3_data_distribution_type="FullyReplicated",
        )
        content = {"content_type": asked.content_type, "compression_type": "None"}
        return Channel(
            channel_name=name,
            data_source=DataSource(s3_data_source=data),
            **(content if asked.content_type else {}),
        )

    metrics = [MetricDefinition(name=name, regex=regex) for name, regex in asked.metrics.items()]
    return TrainingJob.create(
        training_job_name=job,
        role_arn=role_arn,
        session=session(environment),
        region=environment.region,
        algorithm_specification=AlgorithmSpecification(
            training_image=asked.image,
            training_input_mode="File",
            metric_definitions=metrics,
        ),
        hyper_parameters=dict(asked.hyperparameters),
        input_data_config=[channel(name, uri) for name, uri in asked.channels.items()],
        output_data_config=OutputDataConfig(s3_output_path=output_uri),
        resource_config=ResourceConfig(
            instance_type=asked.instance_type,
            instance_count=1,
            volume_size_in_gb=asked.volume_gb,
        ),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=MAX_RUNTIME_S),
        tags=[Tag(key=key, value=value) for key, value in tags.items()],
        environment=dict(asked.variables) or None,
    )
