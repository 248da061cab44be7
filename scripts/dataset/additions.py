"""Add newly labelled pictures to a data set, without touching what is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from scripts.dataset.folders import read_lst_folder, read_some_class_folders
from scripts.dataset.model import Progress, Sample, Splits, quiet
from scripts.dataset.rules import check_decoding, check_pictures, first_few
from scripts.dataset.split import VALIDATION_FRACTION, falls_to_validation, in_order
from scripts.errors import UserError

_WITH_ADDITIONS = ", with additions"
_ADDED = "added"
# Leaves room, in the 255 bytes that a name has, for what makes it distinct.
_MAX_STEM_BYTES = 150
_MAX_SUFFIX_BYTES = 32


@dataclass(frozen=True)
class Additions:
    """What became of the pictures that were to be added.

    train, validation: how many were added to each
    known:             how many train or validation had already
    repeated:          how many were copies of others among them
    in_test:           names (class/name) of those that test has: they are in no part but test
    renamed:           how many got another name, as theirs was taken
    """

    train: int
    validation: int
    known: int
    repeated: int
    in_test: tuple[str, ...]
    renamed: int

    @property
    def added(self) -> int:
        return self.train + self.validation

    def in_words(self) -> str:
        """One line: what was added where, and what was not."""
        if self.added:
            pictures = "picture" if self.added == 1 else "pictures"
            words = [
                f"{self.added} {pictures} added "
                f"({self.train} to train, {self.validation} to validation)"
            ]
        else:
            words = ["no picture added"]
        counts = {
            "known already": self.known,
            "given more than once": self.repeated,
            "renamed, as the name was taken": self.renamed,
        }
        words += [f"{count} {what}" for what, count in counts.items() if count]
        if self.in_test:
            names = first_few(self.in_test)
            words.append(f"{len(self.in_test)} left out, as test has the same: {names}")
        if self == Additions(0, 0, 0, 0, (), 0):
            words.append("there was none to add")
        return "; ".join(words)


def read_additions(
    source: Path, classes: Sequence[str], progress: Progress = quiet
) -> tuple[Sample, ...]:
    """Newly labelled pictures from a folder of class folders, or one with train.lst.

    A class without a folder has nothing to add, and an empty folder adds nothing. Raises UserError
    for a folder that is no class's, a file outside them, a test part (test stays what it is), and
    a picture that cannot be used.
    """
    if not source.is_dir():
        raise UserError(
            f"there is no folder {source}: give --add a folder with a folder of pictures for each "
            f"class ({first_few(classes)})"
        )
    if any(source.glob("*.lst")):
        samples, test = read_lst_folder(source, classes, progress)
        if test is not None:
            raise UserError(
                f"{source} has a test.lst: the test part stays what it is; remove that file, or "
                "move its lines to train.lst"
            )
    else:
        samples = read_some_class_folders(source, classes, progress)
    check_pictures(samples, classes, progress)
    return tuple(samples)


def extend(
    splits: Splits,
    classes: Sequence[str],
    added: Iterable[Sample],
    *,
    fraction: float = VALIDATION_FRACTION,
    progress: Progress = quiet,
) -> tuple[Splits, Additions]:
    """The parts with the pictures of `added` that they did not have, and what became of each.

    Test stays exactly what it is, and so does everything in train and validation: a model that was
    tested before and one that is trained now meet the same test pictures, none of which either
    has learnt from. Pictures are the same when they decode to the same pixels, whatever their name
    and encoding; a copy that was scaled, or compressed with losses, is another picture.

    Each new picture goes to validation with the probability `fraction` (0 to 1), by a rule that
    knows only the picture and `splits.seed`: adding the same again changes nothing, and adding in
    one go or in several divides alike. A name that its class has already is made distinct.

    Raises UserError when a picture cannot be used, and when it is known, or there twice, under two
    classes.
    """
    parts = splits.parts()
    present = [sample for samples in parts.values() for sample in samples]
    given = list(added)
    check_decoding([*present, *given], classes, progress)
    # Of copies the first name is kept, whatever the order in which they came.
    given.sort(key=lambda sample: (sample.label, sample.name, sample.content))
    _refuse_contradictions(parts, given, classes)
    known = {sample.content: part for part, samples in parts.items() for sample in samples}
    taken = {(sample.label, sample.name) for sample in present}
    new: dict[str, list[Sample]] = {"train": [], "validation": []}
    in_test: list[str] = []
    counts = Counter[str]()
    for sample in given:
        part = known.get(sample.content)
        if part == "test":
            in_test.append(_shown(sample, classes))
        elif part:
            counts[part] += 1
        else:
            name = _distinct_name(sample, taken)
            counts["renamed"] += name != sample.name
            taken.add((sample.label, name))
            known[sample.content] = _ADDED
            drawn = falls_to_validation(sample, fraction, splits.seed)
            new["validation" if drawn else "train"].append(replace(sample, name=name))
    additions = Additions(
        train=len(new["train"]),
        validation=len(new["validation"]),
        known=counts["train"] + counts["validation"],
        repeated=counts[_ADDED],
        in_test=tuple(in_test),
        renamed=counts["renamed"],
    )
    if not additions.added:
        return splits, additions
    source = splits.source.removesuffix(_WITH_ADDITIONS) + _WITH_ADDITIONS
    return (
        replace(
            splits,
            train=in_order([*splits.train, *new["train"]]),
            validation=in_order([*splits.validation, *new["validation"]]),
            source=source,
        ),
        additions,
    )


def _refuse_contradictions(
    parts: Mapping[str, Iterable[Sample]], given: Iterable[Sample], classes: Sequence[str]
) -> None:
    first = {
        sample.content: (sample, f"{_shown(sample, classes)} of {part}")
        for part, samples in parts.items()
        for sample in samples
    }
    faults = []
    for sample in given:
        shown = _shown(sample, classes)
        other, where = first.setdefault(sample.content, (sample, shown))
        if other.label != sample.label:
            faults.append(f"{shown} = {where}")
    if faults:
        raise UserError(
            f"{len(faults)} of the pictures to add are known under another class "
            f"({first_few(faults)}): move them to the right one, or correct the source and stage "
            "it again"
        )


def _distinct_name(sample: Sample, taken: Container[tuple[int, str]]) -> str:
    """The sample's name, or one made of it and its content that its class does not have."""
    if (sample.label, sample.name) not in taken:
        return sample.name
    path = PurePosixPath(sample.name)
    stem = path.stem.encode()[:_MAX_STEM_BYTES].decode(errors="ignore")
    suffix = path.suffix if len(path.suffix.encode()) <= _MAX_SUFFIX_BYTES else ""
    names = (f"{stem}-{sample.content[:digits]}{suffix}" for digits in (8, 16, 32, 64))
    return next(name for name in names if (sample.label, name) not in taken)


def _shown(sample: Sample, classes: Sequence[str]) -> str:
    return f"{classes[sample.label]}/{sample.name}"
