import re
import string
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from scripts.dataset import model, rules
from scripts.dataset.model import Sample, quiet
from scripts.dataset.pictures import BadPictureError
from scripts.environment import TERRAFORM
from scripts.errors import UserError

Samples = Callable[..., list[Sample]]
CLASSES = ("bicycle", "motorcycle")


def check(train: Sequence[Sample], test: Sequence[Sample] = ()) -> None:
    parts = {"train": train, "test": test} if test else {"train": train}
    rules.check(parts, CLASSES, quiet)


@pytest.mark.parametrize("classes", [[], ["bicycle"]])
def test_fewer_than_two_classes_are_refused(classes: list[str]) -> None:
    with pytest.raises(UserError, match="at least 2 classes"):
        rules.check_classes(classes)


def test_a_class_given_twice_is_refused() -> None:
    with pytest.raises(UserError, match="name cat more than once"):
        rules.check_classes(["cat", "dog", "cat"])


@pytest.mark.parametrize(
    "name", ["", "../up", "a,b", "a/b", "with space", "-x", "é", "Bicycle", "e.bike", "x" * 41]
)
def test_a_class_name_that_could_be_no_label_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="cannot be a class name"):
        rules.check_classes(["cat", name])


@pytest.mark.parametrize("name", ["x", "cargo_bike-2", "_x", "x" * 40])
def test_a_class_name_that_can_be_a_label_is_kept(name: str) -> None:
    assert rules.check_classes(["cat", name]) == ("cat", name)


def _is_class_name(name: str) -> bool:
    try:
        return bool(rules.check_classes(["bicycle", name]))
    except UserError:
        return False


def test_class_names_are_those_that_terraform_accepts_as_labels_without_a_hyphen_in_front() -> None:
    variables = (TERRAFORM / "variables.tf").read_text("utf-8")
    (label,) = re.findall(r'for label in var\.labels : can\(regex\("([^"]+)", label\)\)', variables)
    first = [character for character in string.printable if character != "-"]
    second = [f"a{character}" for character in string.printable]
    for name in ["", *first, *second, *("x" * length for length in range(1, 70))]:
        assert _is_class_name(name) == bool(re.search(label.replace("$", r"\Z"), name)), name


def test_an_unknown_class_is_answered_with_its_nearest_neighbours() -> None:
    error = rules.unknown_class("motorbike", ["motorcycle", "bicycle", "worm"], "CIFAR-100")
    assert "no class 'motorbike', but motorcycle" in str(error)


@pytest.mark.parametrize(
    "name",
    ["", "..", "a\tb.png", "a\nb.png", "a\0.png", "a\\b.png", "a/b.png", "\udc80", "é" * 128],
)
def test_a_file_name_that_is_unsafe_in_a_key_or_a_line_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"cannot be a picture's name|holds a folder"):
        rules.check_name(name, "here")


def test_a_file_name_with_spaces_and_other_scripts_is_kept() -> None:
    assert rules.check_name("vélo n° 1 + 50%.png", "here") == "vélo n° 1 + 50%.png"


def test_a_label_out_of_range_names_the_file(samples: Samples) -> None:
    wrong = replace(samples(1)[0], label=2)
    with pytest.raises(UserError, match=r"0000\.png in train has the label 2"):
        check([wrong, *samples(2), *samples(2, label=1)])


def test_a_class_without_pictures_is_named_with_its_part(samples: Samples) -> None:
    with pytest.raises(UserError, match="no picture of motorcycle in test"):
        check([*samples(2), *samples(2, label=1)], samples(1, start=9))


def test_a_name_used_twice_in_a_class_is_refused(samples: Samples) -> None:
    twin = replace(samples(1, start=5)[0], name="0000.png")
    with pytest.raises(UserError, match=r"more than one picture named bicycle/0000\.png"):
        check([*samples(2), *samples(2, label=1), twin])


def test_the_same_name_in_two_classes_is_no_fault(samples: Samples) -> None:
    check([*samples(2), *samples(2, label=1)])


def test_pictures_that_do_not_decode_are_counted_and_the_first_three_named(
    samples: Samples,
) -> None:
    bad = [Sample(f"bad{index}.png", 1, b"no picture") for index in range(5)]
    with pytest.raises(UserError) as caught:
        check([*samples(2), *bad])
    message = str(caught.value)
    assert message.startswith("5 of 7 pictures cannot be used: motorcycle/bad0.png is no PNG")
    assert message.count("bad") == 3
    assert "and 2 more" in message
    assert "\n" not in message


def test_a_decoder_that_complains_in_two_lines_is_quoted_in_one(
    samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    def complain(_: bytes) -> str:
        raise BadPictureError("is damaged\n  in two ways")

    monkeypatch.setattr(model, "content_digest", complain)
    with pytest.raises(UserError, match="is damaged in two ways"):
        check([*samples(1), *samples(1, label=1)])


def test_one_picture_under_two_classes_names_both_files(samples: Samples) -> None:
    first = samples(1)[0]
    contradiction = Sample("other.png", 1, first.data)
    with pytest.raises(UserError, match=r"bicycle/0000\.png = motorcycle/other\.png"):
        check([*samples(2), *samples(2, label=1)], [contradiction, *samples(1, start=7)])


def test_the_check_reports_its_progress(samples: Samples) -> None:
    seen: list[tuple[str, int, int | None]] = []
    train = [*samples(2), *samples(1, label=1)]
    rules.check({"train": train}, CLASSES, lambda *step: seen.append(step))
    assert seen == [("checking pictures", done, 3) for done in (1, 2, 3)]
