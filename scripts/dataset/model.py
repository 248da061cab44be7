"""What travels between reading, splitting and staging a data set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from scripts.dataset.pictures import content_digest

# What is being done, how much of it is done, and of how much (None: not known).
Progress = Callable[[str, int, int | None], None]


def quiet(_what: str, _done: int, _total: int | None) -> None:
    """Show no progress."""


@dataclass(frozen=True)
class Sample:
    """One labelled picture.

    name:  file name without a folder, unique within its class and part
    label: position of its class in the data set's list of classes, from 0
    data:  the encoded picture (PNG, JPEG or WebP), as it was found
    """

    name: str
    label: int
    data: bytes

    @cached_property
    def content(self) -> str:
        """SHA-256 (hex) of the decoded picture, the same however it was encoded.

        Raises BadPictureError when the picture does not decode.
        """
        return content_digest(self.data)


@dataclass(frozen=True)
class Dataset:
    """A data set as its source gives it: what may be learnt from, and what may not.

    source says in words where it came from, without a path of this machine.
    """

    classes: tuple[str, ...]
    train: tuple[Sample, ...]
    test: tuple[Sample, ...]
    source: str


@dataclass(frozen=True)
class Splits:
    """The three parts, none sharing a picture with another.

    dropped names the pictures of train that test also holds: they are in no part but test.
    """

    train: tuple[Sample, ...]
    validation: tuple[Sample, ...]
    test: tuple[Sample, ...]
    dropped: tuple[str, ...]
    seed: int
    source: str

    def parts(self) -> dict[str, tuple[Sample, ...]]:
        """The parts by name, in the order in which they are staged."""
        return {"train": self.train, "validation": self.validation, "test": self.test}
