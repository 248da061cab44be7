"""Read files of a source folder, and none outside it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from scripts.errors import UserError

# What desktops leave in every folder that a person has looked at.
_LITTER = {"thumbs.db", "desktop.ini"}


def read_inside(path: Path, root: Path, limit_bytes: int) -> bytes:
    """The bytes of a regular file that is, links followed, inside `root`.

    Raises UserError when it is missing, elsewhere, no regular file, unreadable, or over the limit.
    """
    file = resolve_inside(path, root)
    shown = path.relative_to(root)
    try:
        found = file.stat()
        # Opening a named pipe would wait for ever.
        if not stat.S_ISREG(found.st_mode):
            raise UserError(f"{shown} in {root} is not a file: remove it")
        if found.st_size > limit_bytes:
            raise UserError(
                f"{shown} in {root} has {found.st_size:,} bytes, the limit is {limit_bytes:,}: "
                "make it smaller or remove it"
            )
        return file.read_bytes()
    except OSError as error:
        raise UserError(
            f"{shown} in {root} cannot be read ({error.strerror}): check that it is there and "
            "that you may read it"
        ) from error


def resolve_inside(path: Path, root: Path) -> Path:
    """The real path of `path`, which must not lead out of `root`; else UserError."""
    try:
        real = path.resolve()
        inside = real.is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links, a zero byte in the name
        inside = False
    if not inside:
        raise UserError(
            f"{path} leads out of {root}: copy what it points to into the folder, or remove it"
        )
    return real


def entries(folder: Path) -> Iterator[Path]:
    """What is in a folder, in the order of names, without hidden files and desktop litter.

    Raises UserError when the folder cannot be listed.
    """
    try:
        found = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise UserError(f"{folder} cannot be listed: {error.strerror}") from error
    for path in found:
        if not path.name.startswith(".") and path.name.lower() not in _LITTER:
            yield path
