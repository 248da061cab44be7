"""Divide a data set into train, validation and test, so that no picture is in two of them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from scripts.dataset.model import Dataset, Sample, Splits
from scripts.dataset.rules import check_counts
from scripts.errors import UserError

VALIDATION_FRACTION = 0.15
TEST_FRACTION = 0.2
# Not a setting: the test part must stay what it is while other seeds are tried.
_TEST_SEED = 0
_RANKS = 2**256  # SHA-256


def make_splits(
    dataset: Dataset, *, fraction: float = VALIDATION_FRACTION, seed: int = 0
) -> Splits:
    """Draw validation from train, after dropping from train whatever test holds as well.

    Raises UserError when a class is left with too few pictures.
    """
    held = {sample.content for sample in dataset.test}
    kept = [sample for sample in dataset.train if sample.content not in held]
    check_counts(kept, dataset.classes, "train, without the pictures that test has as well")
    train, validation = split_validation(kept, fraction, seed)
    return Splits(
        train=train,
        validation=validation,
        test=in_order(dataset.test),
        dropped=tuple(
            sorted(
                f"{dataset.classes[sample.label]}/{sample.name}"
                for sample in dataset.train
                if sample.content in held
            )
        ),
        seed=seed,
        source=dataset.source,
    )


def split_validation(
    train: Iterable[Sample], fraction: float = VALIDATION_FRACTION, seed: int = 0
) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Divide into (train, validation), with `fraction` (0 to 1) of each class in validation.

    Which picture goes where depends on the pictures and the seed alone: not on their order, their
    names, or the source that they were read from. Copies of one picture stay together. Raises
    UserError when a class has no two different pictures.
    """
    return _divide(train, fraction, _validation_salt(seed))


def falls_to_validation(
    sample: Sample, fraction: float = VALIDATION_FRACTION, seed: int = 0
) -> bool:
    """Whether a picture that comes later goes to validation: a `fraction` of all possible ones do.

    It depends on the picture and the seed alone, so that what is added together or one by one, in
    whatever order, ends in the same part, and moves nothing that was there before.
    """
    rank = int.from_bytes(_rank(sample.content, _validation_salt(seed)))
    return rank < fraction * _RANKS


def _validation_salt(seed: int) -> str:
    return f"validation {seed}"


def hold_out_test(
    samples: Iterable[Sample], fraction: float = TEST_FRACTION
) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    """Divide into (train, test), for a source without a test part of its own.

    The same pictures give the same test part, whatever seed validation is drawn with. Raises
    UserError when a class has no two different pictures.
    """
    return _divide(samples, fraction, f"test {_TEST_SEED}")


def _divide(
    samples: Iterable[Sample], fraction: float, salt: str
) -> tuple[tuple[Sample, ...], tuple[Sample, ...]]:
    if not 0 < fraction < 1:
        raise UserError(f"a part of {fraction} cannot be drawn: give a fraction between 0 and 1")
    of_class: dict[int, dict[str, list[Sample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        of_class[sample.label][sample.content].append(sample)
    rest: list[Sample] = []
    drawn: list[Sample] = []
    for copies in of_class.values():
        chosen = _draw(copies, fraction, salt)
        for content, same in copies.items():
            (drawn if content in chosen else rest).extend(same)
    return in_order(rest), in_order(drawn)


def _draw(copies: dict[str, list[Sample]], fraction: float, salt: str) -> set[str]:
    """The contents, of one class, that are drawn: at least one, never all."""
    if len(copies) < 2:
        only = next(iter(copies.values()))[0]
        raise UserError(
            f"{only.name} is the only picture of its class, and {salt.split()[0]} needs one as "
            "well: add pictures, or leave the class out of the labels"
        )
    total = sum(len(same) for same in copies.values())
    wanted = max(1, round(total * fraction))
    order = sorted(copies, key=lambda content: _rank(content, salt))
    chosen: set[str] = set()
    count = 0
    for content in order[:-1]:
        if not chosen or count + len(copies[content]) <= wanted:
            chosen.add(content)
            count += len(copies[content])
    return chosen


def _rank(content: str, salt: str) -> bytes:
    return hashlib.sha256(f"{salt}\0{content}".encode()).digest()


def in_order(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    """Samples as a part lists them: by label, then by name."""
    return tuple(sorted(samples, key=lambda sample: (sample.label, sample.name)))
