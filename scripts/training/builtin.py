"""AWS's own image classification (MXNet): its container, its instances, and what its jobs ask for.

Sources: Amazon SageMaker Developer Guide, "Image Classification - MXNet", and AWS's example
notebook Image-classification-lst-format.
"""

import re
from collections.abc import Mapping
from typing import Any

from scripts.artifacts import Bucket
from scripts.environment import Environment
from scripts.errors import UserError
from scripts.training import builtin_hyperparameters, image_size
from scripts.training.job_request import JobRequest

FRAMEWORK, VERSION = "image-classification", "1"
CHANNELS = ("train", "validation", "train_lst", "validation_lst")
CONTENT_TYPE = "application/x-image"
FORMATS = (".jpg", ".jpeg", ".png")
INSTANCE_TYPE = "ml.p3.2xlarge"
VOLUME_GB = 50
# It trains on GPUs only: the families P2, P3, G4dn and G5, with the GPUs of each size.
GPUS: Mapping[str, int] = {
    **{"ml.p2.xlarge": 1, "ml.p2.8xlarge": 8, "ml.p2.16xlarge": 16},
    **{"ml.p3.2xlarge": 1, "ml.p3.8xlarge": 4, "ml.p3.16xlarge": 8},
    **{f"ml.g4dn.{size}xlarge": 1 for size in ("", "2", "4", "8", "16")},
    "ml.g4dn.12xlarge": 4,
    **{f"ml.g5.{size}xlarge": 1 for size in ("", "2", "4", "8", "16")},
    **{"ml.g5.12xlarge": 4, "ml.g5.24xlarge": 4, "ml.g5.48xlarge": 8},
}
_IMAGE = re.compile(rf"[0-9]{{12}}\.dkr\.ecr\.[^/]+/{FRAMEWORK}:{VERSION}")


def image_uri(environment: Environment) -> str:
    """The container of the environment's region, for training and for serving.

    Raises UserError where AWS does not offer it.
    """
    from sagemaker.core import image_uris

    try:
        uri: str = image_uris.retrieve(FRAMEWORK, environment.region, version=VERSION)
    except ValueError as error:
        raise UserError(
            f"AWS does not offer its image classification in {environment.region}. "
            "Use another region, or --algorithm efficientnet."
        ) from error
    return uri


def is_image(uri: str) -> bool:
    """Whether `uri` is that of AWS's image classification, in any region."""
    return bool(_IMAGE.fullmatch(uri))


def request(
    environment: Environment,
    bucket: Bucket,
    dataset: Mapping[str, Any],
    hyperparameters: Mapping[str, object],
    instance_type: str | None = None,
) -> JobRequest:
    """A job on `dataset`, as it was staged, with AWS's demands checked.

    `hyperparameters` override our defaults; AWS's names and values are in
    builtin_hyperparameters.py. Raises UserError, one line that says what is allowed.
    """
    chosen = instance_type or INSTANCE_TYPE
    if chosen not in GPUS:
        raise UserError(
            f"AWS's image classification trains on GPUs only, and not on {chosen}. "
            f"Choose one of {', '.join(GPUS)}."
        )
    missing = [name for name in CHANNELS if name not in dataset["channels"]]
    if missing or "counts" not in dataset:
        raise UserError("The data set was staged without .lst files. Run: invoke stage")
    values = builtin_hyperparameters.complete(
        hyperparameters, len(dataset["classes"]), dataset["counts"]["train"]
    )
    builtin_hyperparameters.check(values, dataset["counts"]["validation"], GPUS[chosen])
    image_size.check("image_shape", builtin_hyperparameters.image_size_px(values))
    for part in ("train", "validation"):
        _check_formats(bucket, f"{dataset['channels'][f'{part}_lst']}{part}.lst")
    return JobRequest(
        image=image_uri(environment),
        instance_type=chosen,
        volume_gb=VOLUME_GB,
        hyperparameters=values,
        channels={name: dataset["channels"][name] for name in CHANNELS},
        content_type=CONTENT_TYPE,
    )


def _check_formats(bucket: Bucket, lst_uri: str) -> None:
    """AWS's algorithm reads JPEG and PNG, and ends at the first picture that is something else."""
    lst = bucket.s3.get_object(Bucket=bucket.name, Key=bucket.key(lst_uri))["Body"].read().decode()
    for line in lst.splitlines():
        path = line.rpartition("\t")[2]
        if not path.lower().endswith(FORMATS):
            raise UserError(
                f"AWS's image classification reads {', '.join(FORMATS)} only, and not {path}. "
                "Convert the picture and stage again, or use --algorithm efficientnet."
            )
