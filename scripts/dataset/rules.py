"""What a data set must be before anything is made of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from scripts.dataset.model import Progress, Sample
from scripts.dataset.pictures import BadPictureError
from scripts.errors import UserError

# What Terraform accepts as a label, but that a hyphen in front would be read as an option.
_CLASS_NAME = re.compile(r"[a-z0-9_][a-z0-9_-]{0,39}")
_MAX_NAME_BYTES = 255
_DECODERS = 4


def first_few(items: Sequence[str], limit: int = 3) -> str:
    """`a, b, c and 4 more`: enough to find the fault, and still one line."""
    more = f" and {len(items) - limit} more" if len(items) > limit else ""
    return ", ".join(items[:limit]) + more


def check_classes(classes: Sequence[str]) -> tuple[str, ...]:
    """The classes, in label order.

    Raises UserError for fewer than two, for one given twice, and for a name that Terraform would
    refuse as a label once its model is live.
    """
    if len(classes) < 2:
        raise UserError(
            f"a classifier needs at least 2 classes, not {len(classes)}: name them as labels in "
            "the environment's file in terraform/environments"
        )
    for name in classes:
        if not _CLASS_NAME.fullmatch(name):
            raise UserError(
                f"{name!r} cannot be a class name: rename the class, and its folder, to 1 to 40 "
                "lower-case letters, digits, '_' or '-', with no '-' in front"
            )
    repeated = sorted({name for name in classes if classes.count(name) > 1})
    if repeated:
        raise UserError(f"the labels name {first_few(repeated)} more than once: name each once")
    return tuple(classes)


def unknown_class(name: str, known: Sequence[str], where: str) -> UserError:
    """The error for a class that `where` does not have, with the names it might have meant."""
    near = difflib.get_close_matches(name, known, n=3) or sorted(known)
    return UserError(
        f"{where} has no class {name!r}, but {first_few(near)}: the environment's labels, in its "
        "file in terraform/environments, say which are wanted"
    )


def check_name(name: str, where: str) -> str:
    """A file name that is safe in an S3 key and in a line of a .lst file.

    Raises UserError for control characters, slashes, names that are not UTF-8 or too long.
    """
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        length = 0
    printable = all(character.isprintable() for character in name)
    if not 0 < length <= _MAX_NAME_BYTES or not printable or name in (".", "..") or "\\" in name:
        raise UserError(
            f"{where}: {name!r} cannot be a picture's name: rename it to at most "
            f"{_MAX_NAME_BYTES} bytes of printable characters"
        )
    if "/" in name:
        raise UserError(f"{where}: {name!r} holds a folder: picture names have none")
    return name


def check(
    parts: Mapping[str, Sequence[Sample]], classes: Sequence[str], progress: Progress
) -> None:
    """Find every sample of the parts (train, test) usable.

    Raises UserError, naming the first few files at fault, for a label out of range, a class
    without pictures, a name used twice in a class, a picture that does not decode, and a picture
    that is there under two classes.
    """
    for part, samples in parts.items():
        check_counts(samples, classes, part)
        _check_names(samples, classes, part)
    check_pictures([sample for samples in parts.values() for sample in samples], classes, progress)


def check_pictures(samples: Sequence[Sample], classes: Sequence[str], progress: Progress) -> None:
    """Every picture decodes, and none is there under two classes; else UserError with their names.

    Labels are positions in `classes`.
    """
    check_decoding(samples, classes, progress)
    _check_contradictions(samples, classes)


def check_counts(samples: Iterable[Sample], classes: Sequence[str], part: str) -> None:
    """Every label is one of the classes', and every class has a picture; else UserError."""
    counts = [0] * len(classes)
    for sample in samples:
        if not 0 <= sample.label < len(classes):
            raise UserError(
                f"{sample.name} in {part} has the label {sample.label}, and {len(classes)} classes "
                f"have the labels 0 to {len(classes) - 1}: correct it, or name more labels"
            )
        counts[sample.label] += 1
    empty = [name for name, count in zip(classes, counts, strict=True) if not count]
    if empty:
        raise UserError(
            f"there is no picture of {first_few(empty)} in {part}: add some, or leave the class "
            "out of the labels"
        )


def _check_names(samples: Iterable[Sample], classes: Sequence[str], part: str) -> None:
    seen: set[tuple[int, str]] = set()
    repeated: list[str] = []
    for sample in samples:
        key = (sample.label, sample.name)
        if key in seen:
            repeated.append(f"{classes[sample.label]}/{sample.name}")
        seen.add(key)
    if repeated:
        raise UserError(
            f"{part} has more than one picture named {first_few(repeated)}: give each picture of "
            "a class a name of its own"
        )


def check_decoding(samples: Sequence[Sample], classes: Sequence[str], progress: Progress) -> None:
    """Every picture decodes, after which its `content` is known; else UserError."""
    faults: list[str] = []
    with ThreadPoolExecutor(_DECODERS) as pool:
        for done, (sample, fault) in enumerate(
            zip(samples, pool.map(_fault, samples), strict=True), start=1
        ):
            if fault:
                faults.append(f"{classes[sample.label]}/{sample.name} {fault}")
            progress("checking pictures", done, len(samples))
    if faults:
        raise UserError(
            f"{len(faults)} of {len(samples)} pictures cannot be used: {first_few(faults)}; "
            "replace or remove them"
        )


def _fault(sample: Sample) -> str | None:
    try:
        _ = sample.content
    except BadPictureError as error:
        # A decoder's message may hold line breaks; an error of ours is one line.
        return " ".join(str(error).split())
    return None


def _check_contradictions(samples: Iterable[Sample], classes: Sequence[str]) -> None:
    known: dict[str, Sample] = {}
    faults: list[str] = []
    for sample in samples:
        other = known.setdefault(sample.content, sample)
        if other.label != sample.label:
            faults.append(
                f"{classes[other.label]}/{other.name} = {classes[sample.label]}/{sample.name}"
            )
    if faults:
        raise UserError(
            f"{len(faults)} pictures are there under two classes ({first_few(faults)}): "
            "keep each under the right one"
        )
