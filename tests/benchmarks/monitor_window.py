"""One window of the monitor, in a fresh process, as a function's first invocation sees it.

    python monitor_window.py BUCKET

S3 is where AWS_ENDPOINT_URL says, without TLS. Prints as JSON the processor seconds of the window,
the records in it, and the most memory in bytes that the whole process has had.
"""

import json
import sys
import time
from datetime import timedelta
from typing import Any

import boto3
import capture_files
import numpy as np
from memory import most_memory_bytes

from lambdas.common.drift.baseline import Baseline
from lambdas.common.drift.picture_statistics import measure
from lambdas.common.picture import decode
from lambdas.monitor import checkpoint, handler, look
from lambdas.monitor.store import Store
from lambdas.monitor.window import Window

LABELS = ("bicycle", "motorcycle")
MODEL = "scones-bench-1"


class NoTraffic:
    """CloudWatch, in which nothing was published."""

    def get_metric_data(self, **_: Any) -> dict[str, Any]:
        return {"MetricDataResults": []}


def baseline() -> Baseline:
    """Of pictures like those that are captured."""
    pictures = [np.asarray(decode(data, 32, 10_000)) for data in capture_files.encoded_pictures()]
    confidence = 1 - 0.5 * np.random.default_rng(1).random(1_000) ** 3
    return Baseline(
        version=1,
        model_name=MODEL,
        labels=LABELS,
        threshold=0.8,
        created_at=capture_files.START.isoformat(),
        scores=np.column_stack([confidence, 1 - confidence]),
        pictures=np.array([measure(picture) for picture in pictures]),
    )


def main(bucket: str) -> None:
    start = capture_files.START
    s3 = boto3.client("s3", config=handler.CONFIG)
    body = json.dumps(baseline().to_json())
    s3.put_object(Bucket=bucket, Key=f"monitoring/baselines/{MODEL}.json", Body=body)
    deployment = {
        "model_name": MODEL,
        "version": 1,
        "labels": LABELS,
        "image_size_px": 32,
        "confidence_threshold": 0.8,
        "deployed_at": start.isoformat(),
    }
    end = start + timedelta(hours=1)
    began = time.process_time()
    after = look.look(
        Store(s3, bucket),
        NoTraffic(),
        handler.SOURCE,
        deployment,
        checkpoint.beginning(start),
        Window(start, end),
        end,
    )
    seconds = time.process_time() - began
    assert after.record
    print(
        json.dumps(
            {
                "processor_s": seconds,
                "records": after.record["traffic"]["captured"],
                "pictures": after.record["pictures"]["n"],
                "memory_bytes": most_memory_bytes(),
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
