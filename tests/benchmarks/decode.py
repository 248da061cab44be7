"""What serialize does with one file, in a fresh process, as a function's first invocation does.

    python decode.py FILE

Prints as JSON the processor seconds of the handler's work, and the most memory in bytes that the
whole process has had. The settings are those of the function's environment variables.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from memory import most_memory_bytes

from lambdas.serialize import handler


class S3:
    """A bucket in which every object is this file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get_object(self, **_: Any) -> dict[str, Any]:
        size_bytes = self.path.stat().st_size
        return {"ContentLength": size_bytes, "ETag": '"e"', "Body": self.path.open("rb")}


def main(path: Path) -> None:
    event = {"s3_bucket": handler.SETTINGS.uploads_bucket, "s3_key": "incoming/a"}
    started = time.process_time()
    message = handler.serialize(event, handler.SETTINGS, S3(path))
    seconds = time.process_time() - started
    if "image_data" not in message:
        raise SystemExit(f"{path.name}: {message['detail']}")
    print(json.dumps({"processor_s": seconds, "memory_bytes": most_memory_bytes()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
