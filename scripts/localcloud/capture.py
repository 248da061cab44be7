"""Data capture: SageMaker's JSON Lines files and key layout, written to S3 as requests arrive."""

import base64
import json
import random
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from scripts.localcloud.aws import Aws
from scripts.localcloud.objects import split_s3_uri
from scripts.localcloud.outbox import Outbox

RECORDS_A_FILE = 8  # real files hold 1 to 8 records
INTERVAL_S = 1.0  # AWS delivers within minutes


@dataclass(frozen=True)
class Exchange:
    """One request to a model and its answer, as data capture records them."""

    request: bytes
    request_type: str
    answer: bytes
    answer_type: str
    inference_id: str | None = None
    custom_attributes: str | None = None


class CaptureWriter:
    """Collects the records of one variant and writes them in files of a few records each."""

    def __init__(self, aws: Aws, endpoint: str, variant: str, config: Mapping[str, Any]) -> None:
        self._aws, self._config = aws, config
        self._endpoint, self._variant = endpoint, variant
        self._bucket, self._prefix = split_s3_uri(config["DestinationS3Uri"])
        self._outbox = Outbox(
            f"Data capture of {endpoint}",
            self._send,
            batch_size=RECORDS_A_FILE,
            interval_s=INTERVAL_S,
        )

    def add(self, exchange: Exchange) -> None:
        """Keep `exchange`, or not: InitialSamplingPercentage of all are kept."""
        if random.random() * 100 >= self._config["InitialSamplingPercentage"]:  # noqa: S311
            return
        now = datetime.now(UTC)
        line = json.dumps(record(self._config, exchange, now), separators=(",", ":"))
        self._outbox.add((now, line))

    def close(self) -> None:
        self._outbox.close()

    def _send(self, lines: list[tuple[datetime, str]]) -> None:
        first, _ = lines[0]
        key = capture_key(self._prefix, self._endpoint, self._variant, first)
        body = "".join(f"{line}\n" for _, line in lines).encode()
        self._aws.s3.put_object(Bucket=self._bucket, Key=key, Body=body)


def capture_key(prefix: str, endpoint: str, variant: str, first: datetime) -> str:
    """`<prefix>/<endpoint>/<variant>/YYYY/MM/DD/HH/MM-SS-mmm-<uuid>.jsonl`, after the first record.

    `first` is when that record was captured, in UTC.
    """
    moment = f"{first:%Y/%m/%d/%H/%M-%S}-{first.microsecond // 1000:03d}-{uuid.uuid4()}"
    return "/".join([*filter(None, [prefix.strip("/")]), endpoint, variant, f"{moment}.jsonl"])


def record(config: Mapping[str, Any], exchange: Exchange, when: datetime) -> dict[str, Any]:
    """One capture record, with the members and encodings of real ones."""
    headers = config.get("CaptureContentTypeHeader", {})
    sides = {
        "Input": ("endpointInput", "INPUT", exchange.request, exchange.request_type),
        "Output": ("endpointOutput", "OUTPUT", exchange.answer, exchange.answer_type),
    }
    modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
    data = {
        member: _side(mode, body, content_type, headers)
        for option, (member, mode, body, content_type) in sides.items()
        if modes & {option, "InputAndOutput"}
    }
    metadata = {
        "eventId": str(uuid.uuid4()),
        "customAttributes": [exchange.custom_attributes] if exchange.custom_attributes else None,
        "inferenceId": exchange.inference_id,
        "inferenceTime": f"{when:%Y-%m-%dT%H:%M:%SZ}",
    }
    return {
        "captureData": data,
        "eventMetadata": {key: value for key, value in metadata.items() if value is not None},
        "eventVersion": "0",
    }


def _side(
    mode: str, body: bytes, content_type: str, headers: Mapping[str, list[str]]
) -> dict[str, str]:
    encoding = "BASE64"
    if _is_listed(content_type, headers.get("JsonContentTypes", [])):
        encoding = "JSON"
    elif _is_listed(content_type, headers.get("CsvContentTypes", [])):
        encoding = "CSV"
    try:
        data = body.decode() if encoding != "BASE64" else base64.b64encode(body).decode()
    except UnicodeDecodeError:  # what calls itself text need not be
        encoding, data = "BASE64", base64.b64encode(body).decode()
    return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}


def _is_listed(content_type: str, listed: Iterable[str]) -> bool:
    plain = content_type.split(";")[0].strip().lower()
    return plain in {item.lower() for item in listed}
