"""Capture files as SageMaker writes them, of any number of records."""

import base64
import hashlib
import io
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image

RECORDS, FILES = 100_000, 200
PICTURES = 200
START = datetime(2026, 11, 7, 9, tzinfo=UTC)
PREFIX = "captures/scones-bench/AllTraffic"


def write(folder: Path, records: int = RECORDS, files: int = FILES) -> None:
    """So many records in so many files, of an hour from START on, always the same ones."""
    chance = random.Random(0)
    pictures = [base64.b64encode(picture).decode() for picture in encoded_pictures()]
    each = records // files
    for file in range(files):
        time = START + timedelta(hours=file / files)
        name = f"{time:%Y-%m-%d-%H-%M-%S}-{file:012d}.jsonl"
        lines = (_line(file * each + n, time, pictures, chance) for n in range(each))
        (folder / name).write_text("".join(lines))


def key_of(path: Path) -> str:
    """The key that a file would have in the bucket."""
    year, month, day, hour, minute, second, number = path.stem.split("-")
    place = f"{PREFIX}/{year}/{month}/{day}/{hour}"
    return f"{place}/{minute}-{second}-000-0f0e0d0c-0000-4000-8000-{number}.jsonl"


def encoded_pictures() -> list[bytes]:
    """PNGs of 32 x 32 pixels, as CIFAR's pictures reach the model: some 2.5 KB each."""
    chance = np.random.default_rng(0)
    found = []
    for _ in range(PICTURES):
        smooth = Image.fromarray(chance.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        pixels = np.asarray(smooth.resize((32, 32), Image.Resampling.BICUBIC), dtype=np.int16)
        grainy = np.clip(pixels + chance.integers(-6, 7, pixels.shape), 0, 255)
        buffer = io.BytesIO()
        Image.fromarray(grainy.astype(np.uint8)).save(buffer, "PNG")
        found.append(buffer.getvalue())
    return found


def _line(number: int, time: datetime, pictures: list[str], chance: random.Random) -> str:
    confidence = 1 - 0.5 * chance.random() ** 3
    scores = [confidence, 1 - confidence] if number % 2 else [1 - confidence, confidence]
    record = {
        "captureData": {
            "endpointInput": {
                "observedContentType": "application/x-image",
                "mode": "INPUT",
                "data": pictures[number % PICTURES],
                "encoding": "BASE64",
            },
            "endpointOutput": {
                "observedContentType": "application/json",
                "mode": "OUTPUT",
                "data": json.dumps(scores),
                "encoding": "JSON",
            },
        },
        "eventMetadata": {
            "eventId": f"0c0b075f-7076-461d-9aea-{number:012d}",
            "inferenceId": hashlib.sha256(str(number).encode()).hexdigest(),
            "inferenceTime": f"{time:%Y-%m-%dT%H:%M:%SZ}",
        },
        "eventVersion": "0",
    }
    return json.dumps(record, separators=(",", ":")) + "\n"
