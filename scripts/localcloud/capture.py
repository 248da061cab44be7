"""Data capture: SageMaker's JSON Lines files and key layout, written to S3 as requests arrive."""

import base64
import json
import random
import sys
import threading
import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from scripts.localcloud.aws import Aws, split_s3_uri

RECORDS_A_FILE = 8  # real files hold 1 to 8 records
FLUSH_INTERVAL_S = 1.0  # AWS delivers within minutes


class CaptureWriter:
    """Collects the records of one endpoint and writes them in files of a few records each."""

    def __init__(self, aws: Aws, endpoint: str, config: dict[str, Any]) -> None:
        self._aws, self._endpoint, self._config = aws, endpoint, config
        self._bucket, self._prefix = split_s3_uri(config["DestinationS3Uri"])
        self._waiting: dict[str, list[str]] = {}
        self._lock = threading.Lock()
        self._closed = threading.Event()
        threading.Thread(target=self._flush_regularly, daemon=True).start()

    def add(
        self,
        variant: str,
        request: tuple[bytes, str],
        answer: tuple[bytes, str],
        inference_id: str | None = None,
        custom_attributes: str | None = None,
    ) -> None:
        """Keep one request and its answer, each a body with its content type."""
        if random.random() * 100 >= self._config["InitialSamplingPercentage"]:  # noqa: S311
            return
        line = json.dumps(
            record(self._config, request, answer, inference_id, custom_attributes),
            separators=(",", ":"),
        )
        with self._lock:
            lines = self._waiting.setdefault(variant, [])
            lines.append(line)
            full = len(lines) >= RECORDS_A_FILE
        if full:
            self.flush()

    def flush(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for variant, lines in waiting.items():
            key = capture_key(self._prefix, self._endpoint, variant, datetime.now(UTC))
            body = "".join(f"{line}\n" for line in lines).encode()
            try:
                self._aws.s3.put_object(Bucket=self._bucket, Key=key, Body=body)
            except (BotoCoreError, ClientError) as error:
                print(f"Data capture of {self._endpoint} waits: {error}", file=sys.stderr)
                with self._lock:
                    self._waiting[variant] = lines + self._waiting.get(variant, [])

    def close(self) -> None:
        self._closed.set()
        self.flush()

    def _flush_regularly(self) -> None:
        while not self._closed.wait(FLUSH_INTERVAL_S):
            self.flush()


def capture_key(prefix: str, endpoint: str, variant: str, when: datetime) -> str:
    """`<prefix>/<endpoint>/<variant>/YYYY/MM/DD/HH/MM-SS-mmm-<uuid>.jsonl`."""
    moment = f"{when:%Y/%m/%d/%H/%M-%S}-{when.microsecond // 1000:03d}-{uuid.uuid4()}"
    return "/".join([*filter(None, [prefix.strip("/")]), endpoint, variant, f"{moment}.jsonl"])


def record(
    config: dict[str, Any],
    request: tuple[bytes, str],
    answer: tuple[bytes, str],
    inference_id: str | None,
    custom_attributes: str | None,
) -> dict[str, Any]:
    """One capture record, with the members and encodings of real ones."""
    headers = config.get("CaptureContentTypeHeader", {})
    data: dict[str, Any] = {}
    for option in config["CaptureOptions"]:
        mode = option["CaptureMode"]
        if mode in ("Input", "InputAndOutput"):
            data["endpointInput"] = _side("INPUT", *request, headers)
        if mode in ("Output", "InputAndOutput"):
            data["endpointOutput"] = _side("OUTPUT", *answer, headers)
    metadata = {
        "eventId": str(uuid.uuid4()),
        "customAttributes": [custom_attributes] if custom_attributes else None,
        "inferenceId": inference_id,
        "inferenceTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }
    return {
        "captureData": data,
        "eventMetadata": {key: value for key, value in metadata.items() if value is not None},
        "eventVersion": "0",
    }


def _side(mode: str, body: bytes, content_type: str, headers: dict[str, Any]) -> dict[str, str]:
    plain = content_type.split(";")[0].strip()
    encoding = "BASE64"
    if _listed(plain, headers.get("JsonContentTypes", [])):
        encoding = "JSON"
    elif _listed(plain, headers.get("CsvContentTypes", [])):
        encoding = "CSV"
    data = base64.b64encode(body).decode() if encoding == "BASE64" else body.decode()
    return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}


def _listed(content_type: str, listed: Iterable[str]) -> bool:
    return content_type in {item.lower() for item in listed}
