"""Coverage-guided fuzzing of serialize, with an S3 that answers with the fuzzed bytes.

    python tests/fuzz/serialize.py FOLDER [-max_total_time=600] [more options of libFuzzer's]
    python tests/fuzz/serialize.py FINDING

It begins with valid pictures, keeps in the folder what reaches something new, and stops at the
first finding, whose file it leaves beside the folder. CONTRIBUTING.md says how to install atheris.
Our code and Pillow's Python guide it. Pillow's C and the codecs run as well, and a crash of theirs
is a finding, but their branches are not seen.
"""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

BUCKET = "uploads"

os.environ |= {
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_SERVICE_NAME": "serialize",
    "METRIC_NAMESPACE": "scones",
    "ENVIRONMENT": "fuzz",
    "UPLOADS_BUCKET": BUCKET,
    "ALLOWED_PREFIXES": "incoming/",
    "IMAGE_SIZE_PX": "128",
    "MAX_UPLOAD_BYTES": "26214400",
    # Fewer than in service: a header that declares 50 megapixels would get them again and again.
    "MAX_PIXELS": "1000000",
}

with atheris.instrument_imports(include=["lambdas", "PIL"]):
    from PIL import Image
    from seeds import seeds, with_right_checksums

    from lambdas.common.errors import Reason
    from lambdas.serialize import handler

# The longest key there is, in the longest form that JSON has for it.
EVENT = {"s3_bucket": BUCKET, "s3_key": "incoming/" + "\x01" * 1015}
MAX_MESSAGE_BYTES = 32_768
# The function's own limits (terraform/modules/functions/settings.tf).
LIMITS = ("-timeout=15", "-rss_limit_mb=1024", "-max_len=16384")


class S3:
    """A bucket in which every object is these bytes."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def get_object(self, **_: Any) -> dict[str, Any]:
        body = io.BytesIO(self.content)
        return {"ContentLength": len(self.content), "ETag": '"e"', "VersionId": "v1", "Body": body}


def classify(upload: bytes) -> None:
    """Fail unless the upload becomes a picture that keeps the contract, or is rejected."""
    message = handler.serialize(EVENT, handler.SETTINGS, S3(upload))
    assert len(json.dumps(message)) <= MAX_MESSAGE_BYTES
    if "image_data" not in message:
        assert message["decision"] == "rejected"
        assert message["reason"] in set(Reason)
        assert "\n" not in message["detail"]
        return
    picture = handler.messages.parse_prepared(message)
    with Image.open(io.BytesIO(picture.data)) as image:
        image.load()
        assert image.mode == "RGB"
        assert image.width == image.height <= handler.SETTINGS.image_size_px


def mutate(upload: bytes, max_size: int, seed: int) -> bytes:
    """libFuzzer's own mutation; three times of four, a PNG's checksums are made to fit it."""
    mutated = atheris.Mutate(upload, max_size)
    return with_right_checksums(mutated) if seed % 4 else mutated


def main(target: Path, options: list[str]) -> None:
    if not target.is_file():
        target.mkdir(parents=True, exist_ok=True)
        for name, content in seeds().items():
            (target / name).write_bytes(content)
    findings = f"-artifact_prefix={target.parent}/"
    arguments = [sys.argv[0], str(target), *LIMITS, findings, *options]
    atheris.Setup(arguments, classify, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
