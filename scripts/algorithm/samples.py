"""The pictures of a channel, in memory."""

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from preprocessing import UnreadablePicture, decode, square


class ChannelError(ValueError):
    """A channel that cannot be trained on; the message names the file and what to do."""


@dataclass(frozen=True)
class Sample:
    """One line of a `.lst` file. `path` is relative to the channel's folder, with slashes."""

    path: str
    label: int


@dataclass(frozen=True)
class Channel:
    """Decoded pictures, uint8 [n, size, size, 3], and labels, int64 [n], of the same order.

    `sha256` covers paths, labels and file contents, whatever the order of the lines.
    """

    name: str
    pictures: NDArray[np.uint8]
    labels: NDArray[np.int64]
    sha256: str

    def __len__(self) -> int:
        return len(self.labels)


def load_channel(folder: Path, name: str, classes: int, image_size: int) -> Channel:
    """Read `<folder>/<name>.lst` and every picture it names, at 3 * image_size**2 bytes each.

    Raises ChannelError for a missing or malformed list, a path that leaves the folder, a label
    that is not 0 to `classes` - 1, and a picture that is missing or cannot be read.
    """
    samples = read_list(folder / f"{name}.lst", classes)
    root = folder.resolve()

    def read(sample: Sample) -> tuple[NDArray[np.uint8], str]:
        path = (root / sample.path).resolve()
        if not path.is_relative_to(root):
            raise ChannelError(f"{name}.lst names {sample.path!r}, which is outside its folder.")
        try:
            data = path.read_bytes()
            picture = square(decode(data), image_size)
        except OSError as error:
            raise ChannelError(
                f"{name}.lst names {sample.path!r}, which cannot be opened: {error.strerror}. "
                "Stage the data again."
            ) from error
        except UnreadablePicture as error:
            raise ChannelError(
                f"{sample.path} in the channel {name}: {error} Replace it, or take it out of "
                f"{name}.lst."
            ) from error
        return picture, f"{sample.path}\0{sample.label}\0{hashlib.sha256(data).hexdigest()}\n"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        pictures, lines = zip(*pool.map(read, samples), strict=True)
    return Channel(
        name=name,
        pictures=np.stack(pictures),
        labels=np.array([sample.label for sample in samples], dtype=np.int64),
        sha256=hashlib.sha256("".join(sorted(lines)).encode()).hexdigest(),
    )


def read_list(path: Path, classes: int) -> list[Sample]:
    """The samples of a `.lst` file: index, label and path, tab separated, one a line.

    A label may be written as a float, as MXNet's im2rec does. Raises ChannelError.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ChannelError(
            f"{path.name} cannot be read from {path.parent}. A channel is a folder of pictures "
            "with this list: index, label and path, tab separated."
        ) from error
    samples = [
        _sample(line, f"{path.name}, line {number}", classes)
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    if not samples:
        raise ChannelError(f"{path.name} names no picture.")
    return samples


def _sample(line: str, where: str, classes: int) -> Sample:
    parts = line.split("\t")
    if len(parts) != 3 or not parts[2]:
        raise ChannelError(f"{where}: expected index, label and path, tab separated: {line!r}.")
    try:
        label = float(parts[1])
    except ValueError:
        label = -1
    if label not in range(classes):
        raise ChannelError(
            f"{where}: the label {parts[1]!r} is not one of the {classes} classes, "
            f"0 to {classes - 1}."
        )
    return Sample(path=parts[2], label=int(label))
