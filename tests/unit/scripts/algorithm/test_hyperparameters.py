"""What may be set, and what a wrong value is answered with."""

import pytest

from hyperparameters import (
    MAX_IMAGE_SIZE_PX,
    MIN_IMAGE_SIZE_PX,
    HyperparameterError,
    Hyperparameters,
    parse,
)
from scripts.training import image_size


def test_keys_are_read_with_hyphens_and_with_underscores():
    hyphens = parse(["--classes", "a,b", "--learning-rate", "0.001", "--image-size", "96"])
    underscores = parse(["--classes", "a,b", "--learning_rate", "0.001", "--image_size", "96"])
    assert hyphens == underscores == Hyperparameters(("a", "b"), image_size=96, learning_rate=1e-3)


def test_class_names_keep_their_order_and_lose_the_spaces_around_them():
    assert parse(["--classes", "motorcycle, cargo bike,bicycle"]).classes == (
        "motorcycle",
        "cargo bike",
        "bicycle",
    )


@pytest.mark.parametrize("classes", ["", "bicycle", "bicycle,,motorcycle", "bicycle,bicycle"])
def test_classes_must_be_two_or_more_different_names(classes):
    with pytest.raises(HyperparameterError, match=r"^classes "):
        parse(["--classes", classes])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("image_size", "31"),
        ("image_size", "321"),
        ("epochs", "0"),
        ("batch_size", "0"),
        ("learning_rate", "0"),
        ("learning_rate", "nan"),
        ("warmup", "1"),
        ("weight_decay", "-1"),
        ("dropout", "1"),
        ("frozen_blocks", "17"),
        ("mixup", "-0.1"),
        ("shift", "0.5"),
        ("zoom", "1.5"),
        ("rotation", "-10"),
        ("flip", "1.5"),
        ("seed", "-1"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(HyperparameterError, match=f"^{name} must be from"):
        parse(["--classes", "a,b", f"--{name}", value])


@pytest.mark.parametrize("flags", [["--epochs", "ten"], ["--epoch", "3"], ["--colour", "red"]])
def test_a_value_of_the_wrong_type_and_an_unknown_key_are_refused(flags):
    with pytest.raises(HyperparameterError, match=r"^Hyperparameters: "):
        parse(["--classes", "a,b", *flags])


def test_help_names_every_hyperparameter_with_its_default(capsys):
    with pytest.raises(SystemExit):
        parse(["--help"])
    shown = capsys.readouterr().out
    assert "--frozen-blocks" in shown
    assert "(default: 0.0003)" in shown


def test_a_training_job_is_refused_for_the_same_sizes_before_it_is_submitted():
    assert (MIN_IMAGE_SIZE_PX, MAX_IMAGE_SIZE_PX) == (image_size.MIN_PX, image_size.MAX_PX)
