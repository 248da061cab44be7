"""Read CIFAR-100's original python archive without running what is in it.

The archive holds pickles, and a pickle is a program. The unpickler here knows two names, both
stand-ins that only remember numbers and bytes, so that not even numpy sees a hostile file.
"""

from __future__ import annotations

import pickle
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from scripts.dataset.model import Progress, Sample
from scripts.dataset.paths import resolve_inside
from scripts.dataset.pictures import encode_png
from scripts.dataset.rules import check_name, unknown_class
from scripts.errors import UserError

FOLDER = "cifar-100-python"
FILES = ("meta", "train", "test")
# The largest real file has 155 MB.
_MAX_FILE_BYTES = 512 * 1024**2
_MAX_ARCHIVE_BYTES = 2 * _MAX_FILE_BYTES
_SIDE_PX = 32
_ROW_BYTES = 3 * _SIDE_PX * _SIDE_PX


class _Dtype:
    """Stands in for numpy.dtype: keeps the type's name."""

    def __init__(self, name: object, *_rest: object) -> None:
        self.name = name

    def __setstate__(self, state: object) -> None:
        """Byte order and the like: nothing that one-byte numbers have."""


class _Array:
    """Stands in for numpy.ndarray: keeps rows of bytes."""

    def __init__(self, *_rest: object) -> None:
        self.shape: tuple[int, ...] = ()
        self.data = b""
        self.column_major = False

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, shape, dtype, column_major, data = state
        if not isinstance(dtype, _Dtype) or dtype.name not in ("u1", b"u1"):
            raise pickle.UnpicklingError("its pictures are not 8-bit numbers")
        if not isinstance(data, bytes):
            raise pickle.UnpicklingError("its pictures are not bytes")
        self.shape, self.data, self.column_major = tuple(shape), data, bool(column_major)

    def row(self, index: int) -> bytes:
        if self.column_major:
            return self.data[index :: self.shape[0]]
        return self.data[index * self.shape[1] : (index + 1) * self.shape[1]]


class _Unpickler(pickle.Unpickler):
    _ALLOWED = {  # noqa: RUF012 - read only
        ("numpy.core.multiarray", "_reconstruct"): _Array,
        ("numpy._core.multiarray", "_reconstruct"): _Array,
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Dtype,
    }

    def find_class(self, module_name: str, global_name: str, /) -> type:
        try:
            return self._ALLOWED[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it asks for {module_name}.{global_name}, which no picture needs"
            ) from None


def read_cifar_python(
    path: Path, classes: Sequence[str], progress: Progress
) -> tuple[list[Sample], list[Sample]]:
    """Train and test pictures from cifar-100-python.tar.gz, or from the folder it unpacks to.

    Nothing is written to disk. Raises UserError for a damaged or incomplete archive, for a pickle
    that asks for anything but rows of numbers, and for a class that CIFAR-100 does not have.
    """
    contents: dict[str, dict[str, Any]] = {}
    for done, (name, stream) in enumerate(_open_files(path), start=1):
        contents[name] = _unpickle(stream, f"{name} in {path}")
        progress("reading CIFAR-100", done, len(FILES))
    missing = [name for name in FILES if name not in contents]
    if missing:
        raise UserError(f"{path} lacks {missing[0]}: it is not CIFAR-100's python version")
    known = [_text(name) for name in _list(contents["meta"], "fine_label_names", f"meta in {path}")]
    labels: dict[int, int] = {}
    for label, name in enumerate(classes):
        if name not in known:
            raise unknown_class(name, known, f"CIFAR-100 in {path}")
        labels[known.index(name)] = label
    train, test = (
        list(_samples(contents[part], labels, f"{part} in {path}")) for part in ("train", "test")
    )
    return train, test


def _open_files(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if path.is_dir():
        for name in FILES:
            file = resolve_inside(path / name, path)
            if file.is_file():
                _check_size(file.stat().st_size, _MAX_FILE_BYTES, f"{name} in {path}")
                with file.open("rb") as stream:
                    yield name, stream
        return
    total_bytes = 0
    try:
        # As a stream: nothing is extracted, so no name in it can become a path.
        with tarfile.open(path, "r|*") as archive:
            for member in archive:
                total_bytes += member.size
                _check_size(total_bytes, _MAX_ARCHIVE_BYTES, str(path))
                folder, _, name = member.name.removeprefix("./").partition("/")
                content = archive.extractfile(member) if member.isreg() else None
                if content and folder == FOLDER and name in FILES:
                    _check_size(member.size, _MAX_FILE_BYTES, f"{name} in {path}")
                    yield name, content
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise UserError(f"{path} is no readable archive ({error}): download it again") from error


def _check_size(size_bytes: int, limit_bytes: int, where: str) -> None:
    if size_bytes > limit_bytes:
        raise UserError(
            f"{where} has more than {limit_bytes:,} bytes: it is not CIFAR-100's, download it again"
        )


def _unpickle(stream: IO[bytes], where: str) -> dict[str, Any]:
    try:
        found = _Unpickler(stream, encoding="bytes").load()
    except Exception as error:
        # A hostile or damaged pickle makes the unpickler raise anything at all.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{where} is not read: {reason}; download CIFAR-100 again") from error
    if not isinstance(found, dict):
        raise UserError(f"{where} is not CIFAR-100's: download it again")
    return {_text(key): value for key, value in found.items()}


def _samples(batch: dict[str, Any], labels: dict[int, int], where: str) -> Iterator[Sample]:
    names = _list(batch, "filenames", where)
    fine_labels = _list(batch, "fine_labels", where)
    array = batch.get("data")
    if (
        not isinstance(array, _Array)
        or array.shape != (len(names), _ROW_BYTES)
        or len(array.data) != len(names) * _ROW_BYTES
        or len(fine_labels) != len(names)
    ):
        raise UserError(
            f"{where} has names, labels and pictures that do not match: download CIFAR-100 again"
        )
    for index, (name, fine_label) in enumerate(zip(names, fine_labels, strict=True)):
        if isinstance(fine_label, int) and fine_label in labels:
            yield Sample(check_name(_text(name), where), labels[fine_label], _png(array.row(index)))


def _png(row: bytes) -> bytes:
    """A row is the red plane, then the green, then the blue one."""
    rgb = bytearray(_ROW_BYTES)
    plane = _SIDE_PX * _SIDE_PX
    for channel in range(3):
        rgb[channel::3] = row[channel * plane : (channel + 1) * plane]
    return encode_png(bytes(rgb), _SIDE_PX, _SIDE_PX)


def _list(content: dict[str, Any], key: str, where: str) -> list[Any]:
    found = content.get(key)
    if not isinstance(found, list):
        raise UserError(f"{where} has no list {key!r}: it is not CIFAR-100's python version")
    return found


def _text(value: object) -> str:
    """The text of a pickled string, Python 2's or 3's; empty for anything that is no string."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""
