"""What AWS demands of hyperparameters together, and of the data and the instance: one by one."""

from __future__ import annotations

import re

import pytest

from scripts.errors import UserError
from scripts.training import builtin_hyperparameters
from scripts.training.builtin_hyperparameters import DEEP, SMALL
from tests.unit.scripts.training.checking import SCRATCH, STOPPING, check, complete, refusal

# The network and its pictures


@pytest.mark.parametrize("layers", [*DEEP, *SMALL])
def test_a_network_from_scratch_may_have_any_of_awss_depths(layers: str) -> None:
    assert check({**SCRATCH, "num_layers": layers})["num_layers"] == layers


@pytest.mark.parametrize("layers", ["0", "19", "1000", "deep"])
def test_no_other_depth_exists(layers: str) -> None:
    assert refusal({**SCRATCH, "num_layers": layers}) == (
        f"num_layers must be 18, 34, 50, 101, 152, 200, 20, 32, 44, 56 or 110; it is '{layers}'."
    )


@pytest.mark.parametrize("layers", SMALL)
def test_a_pretrained_network_has_one_of_the_depths_for_large_pictures(layers: str) -> None:
    assert refusal({"num_layers": layers}) == (
        "A pretrained model has 18, 34, 50, 101, 152 or 200 layers; num_layers is "
        f"{layers}. Set one of these, or use_pretrained_model=0."
    )


def test_a_pretrained_network_sees_pictures_of_224_by_224_only() -> None:
    assert refusal({"image_shape": "3,128,128"}) == (
        "A pretrained model takes image_shape=3,224,224 only; it is 3,128,128. "
        "Leave it out, or set use_pretrained_model=0."
    )
    assert check({**SCRATCH, "image_shape": "3,128,96"})["image_shape"] == "3,128,96"


@pytest.mark.parametrize(
    "shape", ["1,224,224", "4,224,224", "224,224,3", "3,224", "3,0,224", "3x224x224", "large", ""]
)
def test_a_shape_is_three_channels_height_and_width(shape: str) -> None:
    assert refusal({**SCRATCH, "image_shape": shape}) == (
        f"image_shape must be 3,height,width, for pictures in colour; it is '{shape}'."
    )


@pytest.mark.parametrize(
    ("shape", "resize", "is_enough"),
    [("3,32,32", 32, True), ("3,32,32", 31, False), ("3,32,48", 47, False), ("3,48,32", 47, False)],
)
def test_pictures_are_resized_to_no_less_than_the_shape(
    shape: str, resize: int, is_enough: bool
) -> None:
    given = {**SCRATCH, "image_shape": shape, "resize": resize}
    if is_enough:
        assert check(given)["resize"] == str(resize)
    else:
        assert refusal(given).startswith("resize must be at least the longer side of image_shape")


def test_resize_is_required_for_pictures() -> None:
    values = complete()
    del values["resize"]
    with pytest.raises(UserError, match=r"^resize is required for pictures .*: 224 or more"):
        builtin_hyperparameters.check(values, 150, 1)


def test_the_size_of_the_pictures_is_the_longer_side_of_their_shape() -> None:
    assert builtin_hyperparameters.image_size_px({"image_shape": "3,32,48"}) == 48
    assert builtin_hyperparameters.image_size_px({}) == 224


# Batches


def test_a_batch_is_no_larger_than_the_training_data() -> None:
    assert check({"mini_batch_size": "20"}, training=20)["mini_batch_size"] == "20"
    assert refusal({"mini_batch_size": "21"}, training=20) == (
        "mini_batch_size must be at most the number of training pictures, 20; it is 21."
    )


def test_the_default_batch_is_held_to_the_same() -> None:
    assert "training pictures, 20; it is 32" in refusal({}, training=20)


def test_a_batch_is_no_larger_than_the_validation_data() -> None:
    assert check({"mini_batch_size": "20"}, validation=20)["mini_batch_size"] == "20"
    assert refusal({"mini_batch_size": "21"}, validation=20) == (
        "mini_batch_size must be at most the number of validation pictures, 20; it is 21."
    )


def test_a_batch_has_a_picture_for_each_gpu() -> None:
    assert check({"mini_batch_size": "8"}, gpus=8)["mini_batch_size"] == "8"
    assert refusal({"mini_batch_size": "7"}, gpus=8) == (
        "mini_batch_size is divided among the instance's 8 GPUs and must be at least 8; it is 7."
    )


# The course of the training


def test_a_checkpoint_comes_no_later_than_the_last_epoch() -> None:
    assert check({"epochs": "4", "checkpoint_frequency": "4"})["checkpoint_frequency"] == "4"
    assert refusal({"epochs": "4", "checkpoint_frequency": "5"}) == (
        "checkpoint_frequency must be at most epochs, 4; it is 5."
    )


@pytest.mark.parametrize("steps", ["10", "10,20", "1,2,3"])
def test_the_learning_rate_may_fall_after_named_epochs(steps: str) -> None:
    assert check({"lr_scheduler_step": steps, "lr_scheduler_factor": "0.5"})


@pytest.mark.parametrize("steps", ["0", "10;20", "ten", "10,", "-1"])
def test_the_epochs_after_which_it_falls_are_numbers_with_commas(steps: str) -> None:
    words = refusal({"lr_scheduler_step": steps})
    assert words.startswith("lr_scheduler_step must be epochs with commas, as in 10,20; it is ")


@pytest.mark.parametrize("steps", ["20,10", "10,10"])
def test_the_epochs_after_which_it_falls_come_in_their_order(steps: str) -> None:
    words = refusal({"lr_scheduler_step": steps})
    assert words.startswith("lr_scheduler_step must name later and later epochs")


def test_a_factor_without_a_step_would_do_nothing() -> None:
    assert refusal({"lr_scheduler_factor": "0.5"}).startswith(
        "lr_scheduler_factor does nothing without lr_scheduler_step"
    )


# What AWS would ignore in silence, or cannot do with the staged data


@pytest.mark.parametrize(
    ("name", "optimizers"),
    [
        ("momentum", {"sgd", "nag"}),
        ("weight_decay", {"sgd", "nag"}),
        ("beta_1", {"adam"}),
        ("beta_2", {"adam"}),
        ("eps", {"adam", "rmsprop"}),
        ("gamma", {"rmsprop"}),
    ],
)
@pytest.mark.parametrize("optimizer", ["sgd", "nag", "adam", "rmsprop"])
def test_an_optimizers_own_hyperparameter_goes_with_no_other(
    name: str, optimizers: set[str], optimizer: str
) -> None:
    given = {"optimizer": optimizer, name: "0.5"}
    if optimizer in optimizers:
        assert check(given)[name] == "0.5"
    else:
        words = refusal(given)
        assert re.match(rf"{name} is only used with optimizer=", words)
        assert f"and optimizer is {optimizer}: leave it out" in words


def test_the_optimizer_that_is_not_named_is_awss_default() -> None:
    assert "and optimizer is sgd" in refusal({"beta_1": "0.9"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("early_stopping_min_epochs", "3"),
        ("early_stopping_patience", "3"),
        ("early_stopping_tolerance", "0.1"),
    ],
)
def test_how_to_stop_early_goes_with_stopping_early(name: str, value: str) -> None:
    assert check({**STOPPING, name: value})[name] == value
    assert f"{name} is only used with early_stopping=True" in refusal({name: value})


def test_the_staged_pictures_have_one_label_each() -> None:
    assert check({"multi_label": "0"})["multi_label"] == "0"
    assert refusal({"multi_label": "1"}).startswith("multi_label must be 0: the staged pictures")


def test_a_weighted_loss_is_for_several_labels() -> None:
    assert "use_weighted_loss is only used with multi_label=1" in refusal(
        {"use_weighted_loss": "1"}
    )


@pytest.mark.parametrize("value", ["dist_sync", "dist_async"])
def test_one_machine_has_nobody_to_exchange_weights_with(value: str) -> None:
    assert refusal({"kv_store": value}).startswith("kv_store is for training on several machines")
