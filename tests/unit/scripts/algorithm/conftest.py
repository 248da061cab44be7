"""The algorithm's modules as its containers see them, and one tiny trained model."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[4]
# Containers unpack scripts/algorithm flat and run it from there.
sys.path.insert(0, str(ROOT / "scripts" / "algorithm"))

import torch  # noqa: E402

import train  # noqa: E402

COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}
# Not alphabetical, and not the order of the folders: the label order must come from here.
CLASSES = ("green", "red", "blue")
TINY = ("--image-size", "32", "--epochs", "1", "--batch-size", "4")


def write_channel(folder: Path, name: str, count: int) -> Path:
    """`count` pictures of each colour, each of one plain shade, in class folders with a list."""
    lines = []
    for label, colour in enumerate(CLASSES):
        (folder / colour).mkdir(parents=True)
        for number in range(count):
            shade = tuple(min(255, value + 9 * number) for value in COLOURS[colour])
            path = f"{colour}/{name}-{number}.png"
            Image.new("RGB", (24, 20), shade).save(folder / path)
            lines.append(f"{len(lines)}\t{label}\t{path}\n")
    (folder / f"{name}.lst").write_text("".join(lines))
    return folder


@pytest.fixture(scope="session")
def channels(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """A training job's channels, as SageMaker names them: 12 and 6 pictures of three classes."""
    folder = tmp_path_factory.mktemp("channels")
    return {
        "SM_CHANNEL_TRAIN": str(write_channel(folder / "train", "train", 4)),
        "SM_CHANNEL_VALIDATION": str(write_channel(folder / "validation", "validation", 2)),
    }


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def job(channels: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """A finished training job's environment. Its model must not be changed."""
    folder = tmp_path_factory.mktemp("job")
    environment = {
        **channels,
        "SM_MODEL_DIR": str(folder / "model"),
        "SM_OUTPUT_DATA_DIR": str(folder / "output"),
        "SM_NUM_GPUS": "0",
        "GIT_COMMIT": "0123abc",
    }
    train.main(["--classes", ",".join(CLASSES), *TINY], environment)
    return environment
