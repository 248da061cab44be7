"""Serialize: read one object version and make of it the small picture that the model is given.

An upload that cannot be classified is returned as rejected, with a reason. A key that ends in `/`
is a folder marker, and ignored. Both are counted as metrics. Anything outside the allowed bucket
and prefixes raises AccessDenied without a call, the same error as IAM's refusal behind it, and
nothing is read.

Memory: a WebP of 50 megapixels takes about 890 MB in all; 1,024 MB bring .58 of a processor.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import boto3
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config
from botocore.exceptions import ClientError

from lambdas.common import environment, logs, messages, metrics
from lambdas.common.aws_errors import CALL_ERRORS, error_code, in_workflow_terms
from lambdas.common.errors import (
    AccessDenied,
    EndpointUnavailable,
    InvalidInput,
    Reason,
    Rejected,
)
from lambdas.common.messages import ImageVersion, Prepared, Upload
from lambdas.common.picture import check_size_bytes, normalise

# 2 attempts of at most 4 s: the function's own timeout of 15 s leaves as long again for decoding.
S3_CONFIG = Config(
    connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 2}
)

_GONE = {
    "NoSuchKey": "The file was deleted before it was read.",
    "NoSuchVersion": "This version of the file was deleted before it was read.",
    "MethodNotAllowed": "The version named is a deletion: there is nothing to read.",
}

# By what was decided.
METRIC_NAMES = {"ignored": "Ignored", "rejected": "Rejected"}


class S3(Protocol):
    """The one call of S3's client that is made here."""

    def get_object(self, **kwargs: Any) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Settings:
    """What may be read, and within which limits."""

    uploads_bucket: str
    allowed_prefixes: tuple[str, ...]
    image_size_px: int
    max_upload_bytes: int
    max_pixels: int


def load_settings(variables: Mapping[str, str]) -> Settings:
    """Settings from environment variables. Raises InvalidSettings naming the wrong one."""
    return Settings(
        uploads_bucket=environment.text(variables, "UPLOADS_BUCKET"),
        allowed_prefixes=environment.words(variables, "ALLOWED_PREFIXES"),
        image_size_px=environment.whole_number(variables, "IMAGE_SIZE_PX", 16, 1024),
        max_upload_bytes=environment.whole_number(variables, "MAX_UPLOAD_BYTES", 1, 100_000_000),
        max_pixels=environment.whole_number(variables, "MAX_PIXELS", 1, 100_000_000),
    )


SETTINGS = load_settings(os.environ)
METRICS = metrics.load_publisher(os.environ, "serialize")
CLIENT: S3 = boto3.client("s3", config=S3_CONFIG)
logger = logs.open_logger()


@logger.inject_lambda_context(clear_state=True)
def handle(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Lambda's entry point: see `serialize`."""
    message = serialize(event, SETTINGS, CLIENT)
    if name := METRIC_NAMES.get(message.get("decision", "")):
        METRICS.count(name, 1)
    write = logger.info if "decision" in message else logger.debug  # filter tells what goes well
    write(
        message.get("decision", "prepared"),
        image=message["image"],
        reason=message.get("reason"),
    )
    return message


def serialize(event: object, settings: Settings, s3: S3) -> dict[str, Any]:
    """The prepared picture, or why the upload is rejected or ignored, as a message.

    Raises InvalidInput, AccessDenied, Throttled, EndpointUnavailable or EndpointTimeout.
    """
    upload = messages.parse_input(event)
    version_id = upload.version_id or messages.UNVERSIONED
    image = ImageVersion(upload.s3_bucket, upload.s3_key, version_id)
    _check_allowed(upload, settings)
    if upload.s3_key.endswith("/"):
        return {
            "image": messages.image_message(image),
            "decision": "ignored",
            "reason": "folder_marker",
            "detail": "The key ends in a slash: it marks a folder and holds no picture.",
        }
    try:
        response = _get(upload, s3)
        image = replace(
            image,
            version_id=response.get("VersionId", image.version_id),
            etag=response["ETag"].strip('"'),
        )
        content = _read(response, settings.max_upload_bytes)
        image = replace(image, sha256=hashlib.sha256(content).hexdigest())
        picture = normalise(content, settings.image_size_px, settings.max_pixels)
    except Rejected as rejected:
        return messages.rejected_message(image, rejected)
    image = replace(image, width=picture.width, height=picture.height)
    return messages.prepared_message(Prepared(image, picture.content_type, picture.data))


def _check_allowed(upload: Upload, settings: Settings) -> None:
    if upload.s3_bucket != settings.uploads_bucket:
        raise AccessDenied("s3_bucket: not the bucket that this function reads")
    if not upload.s3_key.startswith(settings.allowed_prefixes):
        raise AccessDenied(f"s3_key: must begin with {' or '.join(settings.allowed_prefixes)}")


def _get(upload: Upload, s3: S3) -> dict[str, Any]:
    """The object's headers with its body still unread, in one call: nothing can change between
    a look at the size and the reading."""
    version = {} if upload.version_id is None else {"VersionId": upload.version_id}
    try:
        return s3.get_object(Bucket=upload.s3_bucket, Key=upload.s3_key, **version)
    except CALL_ERRORS as error:
        code = error_code(error) if isinstance(error, ClientError) else ""
        if code in _GONE:
            raise Rejected(Reason.GONE, _GONE[code]) from error
        if code == "InvalidArgument" and upload.version_id is not None:
            raise InvalidInput("version_id: not one that S3 can have given") from error
        raise in_workflow_terms(error, "read the upload") from error


def _read(response: dict[str, Any], max_bytes: int) -> bytes:
    """The object's bytes, all of them, and never more than `max_bytes` + 1 of whatever is sent."""
    size_bytes = response["ContentLength"]
    body = response["Body"]
    try:
        check_size_bytes(size_bytes, max_bytes)
        content: bytes = body.read(max_bytes + 1)
    except CALL_ERRORS as error:
        raise in_workflow_terms(error, "read the upload") from error
    finally:
        body.close()
    if len(content) != size_bytes:
        raise EndpointUnavailable(f"S3 sent {len(content)} of {size_bytes} bytes.")
    return content
