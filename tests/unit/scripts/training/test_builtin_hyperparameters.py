"""The hyperparameters of AWS's image classification: defaults, names, types and ranges."""

from __future__ import annotations

import pytest

from scripts.errors import UserError
from scripts.training import builtin_hyperparameters
from scripts.training.builtin_hyperparameters import TABLE
from tests.unit.scripts.training.checking import SCRATCH, STOPPING, check, complete, refusal

# What is submitted


def test_unless_told_otherwise_a_pretrained_resnet_18_is_tuned_as_in_awss_examples() -> None:
    assert check({}) == {
        "num_classes": "2",
        "num_training_samples": "850",
        "num_layers": "18",
        "use_pretrained_model": "1",
        "image_shape": "3,224,224",
        "resize": "256",
        "mini_batch_size": "32",
        "epochs": "10",
        "learning_rate": "0.001",
    }


def test_what_a_person_sets_overrides_our_defaults_and_nothing_else_is_added() -> None:
    values = check({"epochs": "3", "learning_rate": 0.01, "optimizer": "adam"})
    assert (values["epochs"], values["learning_rate"], values["optimizer"]) == ("3", "0.01", "adam")
    assert set(values) - set(complete()) == {"optimizer"}


@pytest.mark.parametrize(("shape", "resize"), [("3,224,224", "256"), ("3,32,64", "74")])
def test_pictures_are_resized_to_a_little_more_than_what_is_cut_out_of_them(
    shape: str, resize: str
) -> None:
    assert check({**SCRATCH, "image_shape": shape})["resize"] == resize


@pytest.mark.parametrize(
    ("name", "written", "sent"),
    [
        ("image_shape", "3, 224, 224", "3,224,224"),
        ("lr_scheduler_step", "3, 6", "3,6"),
        ("early_stopping", True, "True"),
        ("early_stopping", "false", "False"),
        ("epochs", " 7 ", "7"),
    ],
)
def test_values_are_written_as_aws_writes_them(name: str, written: object, sent: str) -> None:
    assert check({name: written})[name] == sent


def test_the_data_sets_own_numbers_may_be_repeated_but_not_changed() -> None:
    assert check({"num_classes": "2", "num_training_samples": 850}) == check({})
    assert refusal({"num_classes": "3"}).startswith(
        "num_classes is 2 in the staged data set, not 3"
    )
    assert "num_training_samples is 850" in refusal({"num_training_samples": "10"})


def test_an_unknown_name_is_answered_with_the_one_that_was_meant_and_all_known_ones() -> None:
    words = refusal({"mini_batch_siz": "8"})
    assert "no hyperparameter 'mini_batch_siz'. Did you mean mini_batch_size?" in words
    assert words.endswith(", ".join(sorted(TABLE)) + ".")
    assert "Did you mean" not in refusal({"zzz": "1"})


def test_the_table_is_awss() -> None:
    """Names and defaults of the developer guide, "Image Classification Hyperparameters"."""
    defaults = {name: row.default for name, row in TABLE.items()}
    assert defaults == {
        "augmentation_type": None,
        "beta_1": "0.9",
        "beta_2": "0.999",
        "checkpoint_frequency": None,
        "early_stopping": "False",
        "early_stopping_min_epochs": "10",
        "early_stopping_patience": "5",
        "early_stopping_tolerance": "0.0",
        "epochs": "30",
        "eps": "1e-8",
        "gamma": "0.9",
        "image_shape": "3,224,224",
        "kv_store": None,
        "learning_rate": "0.1",
        "lr_scheduler_factor": "0.1",
        "lr_scheduler_step": None,
        "mini_batch_size": "32",
        "momentum": "0.9",
        "multi_label": "0",
        "num_classes": None,
        "num_layers": "152",
        "num_training_samples": None,
        "optimizer": "sgd",
        "precision_dtype": "float32",
        "resize": None,
        "top_k": None,
        "use_pretrained_model": "0",
        "use_weighted_loss": "0",
        "weight_decay": "0.0001",
    }


def test_every_default_is_of_its_own_kind() -> None:
    for name, row in TABLE.items():
        assert row.default is None or row.kind.accepts(row.default), name


# Types and ranges


@pytest.mark.parametrize(
    "name", ["epochs", "mini_batch_size", "checkpoint_frequency", "resize", "top_k"]
)
@pytest.mark.parametrize("value", ["0", "-1", "2.5", "many", "", "1_0", "1e3"])
def test_a_count_is_a_whole_number_above_0(name: str, value: str) -> None:
    assert refusal({name: value}).startswith(f"{name} must be a whole number from ")


@pytest.mark.parametrize("name", ["early_stopping_min_epochs", "early_stopping_patience"])
def test_a_count_of_early_stopping_is_a_whole_number_above_0(name: str) -> None:
    assert f"{name} must be a whole number from 1 on" in refusal({**STOPPING, name: "0"})


@pytest.mark.parametrize(
    ("name", "with_it"),
    [
        ("learning_rate", {}),
        ("lr_scheduler_factor", {"lr_scheduler_step": "2"}),
        ("momentum", {}),
        ("weight_decay", {}),
        ("beta_1", {"optimizer": "adam"}),
        ("beta_2", {"optimizer": "adam"}),
        ("eps", {"optimizer": "adam"}),
        ("gamma", {"optimizer": "rmsprop"}),
        ("early_stopping_tolerance", STOPPING),
    ],
)
def test_a_rate_is_a_number_from_0_to_1(name: str, with_it: dict[str, str]) -> None:
    for value in ("0", "1", "0.5", ".5", "1.", "1e-3", "1E-8"):
        assert check({**with_it, name: value})[name] == value
    for value in ("1.1", "-0.1", "nan", "inf", "half", "1e2", ""):
        assert f"{name} must be a number from 0 to 1; it is '{value}'" in refusal(
            {**with_it, name: value}
        )


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("optimizer", ["sgd", "adam", "rmsprop", "nag"]),
        ("augmentation_type", ["crop", "crop_color", "crop_color_transform"]),
        ("precision_dtype", ["float32", "float16"]),
        ("early_stopping", ["True", "False"]),
    ],
)
def test_a_choice_is_one_of_awss(name: str, allowed: list[str]) -> None:
    for value in allowed:
        assert check({name: value})[name] == value
    words = refusal({name: "another"})
    assert words.startswith(f"{name} must be {', '.join(allowed[:-1])} or {allowed[-1]}; it is ")


@pytest.mark.parametrize("name", ["use_pretrained_model", "multi_label"])
def test_a_flag_is_0_or_1(name: str) -> None:
    assert f"{name} must be 0 or 1; it is 'yes'" in refusal({name: "yes"})


def test_top_k_is_more_than_the_accuracy_that_is_reported_anyway() -> None:
    assert check({"top_k": "2"})["top_k"] == "2"
    assert refusal({"top_k": "1"}) == "top_k must be a whole number from 2 on; it is '1'."


def test_a_classifier_has_at_least_two_classes() -> None:
    assert "num_classes must be a whole number from 2 on; it is '1'" in refusal({}, classes=1)


def test_there_is_something_to_train_on() -> None:
    assert "num_training_samples must be a whole number from 1 on" in refusal({}, training=0)


@pytest.mark.parametrize("name", ["num_classes", "num_training_samples"])
def test_what_aws_requires_is_required(name: str) -> None:
    values = complete()
    del values[name]
    with pytest.raises(UserError, match=f"^{name} is required"):
        builtin_hyperparameters.check(values, 150, 1)


def test_a_name_that_was_never_completed_is_refused_as_well() -> None:
    with pytest.raises(UserError, match="'depth' is no hyperparameter of AWS's image"):
        builtin_hyperparameters.check({**complete(), "depth": "3"}, 150, 1)
