"""The messages of the workflow: what an execution is given and what its functions hand on.

The execution's input is written by strangers: an unknown field is refused. The messages between the
functions are ours: unknown fields are dropped, so that one function can be deployed before another.
Every error names the field in one line and quotes no more than a few characters of it.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lambdas.common.errors import InvalidInput, Rejected

UNVERSIONED = "null"
"""S3's own name for the version of an object in a bucket without versioning."""

MAX_FIELD_BYTES = 1024
"""S3's limit for keys and version ids; no other field of the input is longer."""

MAX_IMAGE_BYTES = 196_608
"""What fits into the state machine's 262,144 bytes as base64: nothing larger can have arrived."""

CONTENT_TYPES = ("image/png", "image/jpeg")

_OPTIONAL_INPUT_FIELDS = ("version_id", "sequencer", "redrive_of")
_INPUT_FIELDS = ("s3_bucket", "s3_key", *_OPTIONAL_INPUT_FIELDS)


@dataclass(frozen=True, slots=True)
class Upload:
    """Which object to classify: `version_id` is None for the newest version."""

    s3_bucket: str
    s3_key: str
    version_id: str | None


@dataclass(frozen=True, slots=True)
class ImageVersion:
    """One object version, with the SHA-256 of its bytes and its upright size in pixels if known."""

    s3_bucket: str
    s3_key: str
    version_id: str
    etag: str | None = None
    sha256: str | None = None
    width: int | None = None
    height: int | None = None

    @property
    def id(self) -> str:
        """What the decision is recorded under: see `image_id`."""
        return image_id(self.s3_bucket, self.s3_key, self.version_id)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What infer is given: the encoded picture (at most 192 KiB) with its content type."""

    image: ImageVersion
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Scored:
    """What filter is given. `scores` is label -> the model's number, not yet checked."""

    image: ImageVersion
    scores: dict[str, Any]
    variant: str


def image_id(bucket: str, key: str, version_id: str) -> str:
    """SHA-256, in hex, of the three joined by newlines: the identity of one object version."""
    return hashlib.sha256(f"{bucket}\n{key}\n{version_id}".encode()).hexdigest()


def parse_input(event: object) -> Upload:
    """The input of an execution. Raises InvalidInput naming the first field that is wrong."""
    fields = _object(event, "input")
    for name in fields:
        if name not in _INPUT_FIELDS:
            raise InvalidInput(f"{_shown(name)}: not a field of the input")
    optional = [name for name in _OPTIONAL_INPUT_FIELDS if name in fields]
    given = {name: _text(fields, name) for name in ("s3_bucket", "s3_key", *optional)}
    for name, value in given.items():
        if len(value.encode()) > MAX_FIELD_BYTES:
            raise InvalidInput(f"{name}: longer than {MAX_FIELD_BYTES} bytes")
    return Upload(given["s3_bucket"], given["s3_key"], given.get("version_id"))


def parse_prepared(event: object) -> Prepared:
    """The message from serialize to infer. Raises InvalidInput naming the field."""
    fields = _object(event, "input")
    content_type = _text(fields, "content_type")
    if content_type not in CONTENT_TYPES:
        raise InvalidInput(f"content_type: expected one of {', '.join(CONTENT_TYPES)}")
    encoded = _text(fields, "image_data")
    if len(encoded) > MAX_IMAGE_BYTES // 3 * 4:
        raise InvalidInput(f"image_data: more than {MAX_IMAGE_BYTES} bytes")
    try:
        data = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise InvalidInput("image_data: not base64") from error
    return Prepared(_image(fields), content_type, data)


def parse_scored(event: object) -> Scored:
    """The message from infer to filter. Raises InvalidInput naming the field."""
    fields = _object(event, "input")
    scores = _object(fields.get("scores"), "scores")
    if not scores:
        raise InvalidInput("scores: expected at least one label")
    return Scored(_image(fields), scores, _text(fields, "variant"))


def image_message(image: ImageVersion) -> dict[str, Any]:
    """The message form of an image: its known fields."""
    return {name: value for name, value in asdict(image).items() if value is not None}


def prepared_message(prepared: Prepared) -> dict[str, Any]:
    """What serialize returns for a picture that can be classified."""
    return {
        "image": image_message(prepared.image),
        "content_type": prepared.content_type,
        "image_data": base64.b64encode(prepared.data).decode("ascii"),
    }


def rejected_message(image: ImageVersion, rejected: Rejected) -> dict[str, Any]:
    """What serialize or infer returns for an upload that cannot be classified."""
    return {
        "image": image_message(image),
        "decision": "rejected",
        "reason": rejected.reason.value,
        "detail": rejected.detail,
    }


def _image(fields: Mapping[str, Any]) -> ImageVersion:
    image = _object(fields.get("image"), "image")
    return ImageVersion(
        s3_bucket=_text(image, "s3_bucket", "image."),
        s3_key=_text(image, "s3_key", "image."),
        version_id=_text(image, "version_id", "image."),
        etag=_text(image, "etag", "image.") if "etag" in image else None,
        sha256=_text(image, "sha256", "image.") if "sha256" in image else None,
        width=_count(image, "width", "image.") if "width" in image else None,
        height=_count(image, "height", "image.") if "height" in image else None,
    )


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidInput(f"{name}: expected an object, not {_kind(value)}")
    return value


def _text(fields: Mapping[str, Any], name: str, parent: str = "") -> str:
    if name not in fields:
        raise InvalidInput(f"{parent}{name}: missing")
    value = fields[name]
    if not isinstance(value, str):
        raise InvalidInput(f"{parent}{name}: expected a text, not {_kind(value)}")
    if not value:
        raise InvalidInput(f"{parent}{name}: empty")
    if not _is_unicode(value):
        raise InvalidInput(f"{parent}{name}: not valid Unicode")
    return value


def _count(fields: Mapping[str, Any], name: str, parent: str) -> int:
    value = fields[name]
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidInput(f"{parent}{name}: expected a whole number above 0")
    return value


def _is_unicode(value: str) -> bool:
    """False for half of a surrogate pair, which JSON can carry and nothing else can."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _kind(value: object) -> str:
    names = {
        "NoneType": "null",
        "str": "text",
        "dict": "object",
        "list": "array",
        "bool": "boolean",
    }
    return names.get(type(value).__name__, "number")


def _shown(name: object) -> str:
    """A stranger's field name, short and on one line."""
    return ascii(str(name)[:40])[:60]
