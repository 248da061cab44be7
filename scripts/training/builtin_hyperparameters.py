"""The hyperparameters of AWS's image classification (MXNet), and what it demands of them.

AWS refuses a wrong one after the instance has been started and billed, or ignores it in silence;
here it is one line before anything is submitted. Names, types, ranges and defaults are those of
the SageMaker Developer Guide, "Image Classification Hyperparameters" and "Tune an Image
Classification Model".
"""

import difflib
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from scripts.errors import UserError

# Depths of the ResNet paper: for pictures of about 224 px, and of about 28 px.
DEEP = ("18", "34", "50", "101", "152", "200")
SMALL = ("20", "32", "44", "56", "110")
PRETRAINED_SHAPE = "3,224,224"

_INTEGER = re.compile(r"[1-9][0-9]{0,8}")
_NUMBER = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_SHAPE = re.compile(r"3,([1-9][0-9]{0,4}),([1-9][0-9]{0,4})")
_STEPS = re.compile(r"[1-9][0-9]*(,[1-9][0-9]*)*")


@dataclass(frozen=True)
class Kind:
    """The values that a hyperparameter may have: in words, and as a check of their text."""

    words: str
    accepts: Callable[[str], object]


def _one_of(*values: str) -> Kind:
    return Kind(f"{', '.join(values[:-1])} or {values[-1]}", values.__contains__)


_POSITIVE = Kind("a whole number from 1 on", _INTEGER.fullmatch)
_SEVERAL = Kind("a whole number from 2 on", lambda text: _INTEGER.fullmatch(text) and text != "1")
_SHARE = Kind("a number from 0 to 1", lambda text: _NUMBER.fullmatch(text) and float(text) <= 1)
_FLAG = _one_of("0", "1")
_PICTURE = Kind("3,height,width, for pictures in colour", _SHAPE.fullmatch)
_EPOCHS = Kind("epochs with commas, as in 10,20", _STEPS.fullmatch)


@dataclass(frozen=True)
class Hyperparameter:
    """What AWS accepts, its default, and the value of another one that this one is used with."""

    kind: Kind
    default: str | None = None
    used_with: tuple[str, tuple[str, ...]] | None = None


_H = Hyperparameter
_STOPPING = ("early_stopping", ("True",))

# fmt: off
TABLE: Mapping[str, Hyperparameter] = {
    # what the data set says
    "num_classes":               _H(_SEVERAL),
    "num_training_samples":      _H(_POSITIVE),
    # the network
    "num_layers":                _H(_one_of(*DEEP, *SMALL), "152"),
    "use_pretrained_model":      _H(_FLAG, "0"),
    "precision_dtype":           _H(_one_of("float32", "float16"), "float32"),
    # the pictures
    "image_shape":               _H(_PICTURE, PRETRAINED_SHAPE),
    "resize":                    _H(_POSITIVE),
    "augmentation_type":         _H(_one_of("crop", "crop_color", "crop_color_transform")),
    # the labels
    "multi_label":               _H(_FLAG, "0"),
    "use_weighted_loss":         _H(_FLAG, "0", ("multi_label", ("1",))),
    # the course of the training
    "epochs":                    _H(_POSITIVE, "30"),
    "mini_batch_size":           _H(_POSITIVE, "32"),
    "kv_store":                  _H(_one_of("dist_sync", "dist_async")),
    "top_k":                     _H(_SEVERAL),
    "checkpoint_frequency":      _H(_POSITIVE),
    "early_stopping":            _H(_one_of("True", "False"), "False"),
    "early_stopping_min_epochs": _H(_POSITIVE, "10", _STOPPING),
    "early_stopping_patience":   _H(_POSITIVE, "5", _STOPPING),
    "early_stopping_tolerance":  _H(_SHARE, "0.0", _STOPPING),
    # the optimizer
    "optimizer":                 _H(_one_of("sgd", "adam", "rmsprop", "nag"), "sgd"),
    "learning_rate":             _H(_SHARE, "0.1"),
    "lr_scheduler_step":         _H(_EPOCHS),
    "lr_scheduler_factor":       _H(_SHARE, "0.1"),
    "momentum":                  _H(_SHARE, "0.9", ("optimizer", ("sgd", "nag"))),
    "weight_decay":              _H(_SHARE, "0.0001", ("optimizer", ("sgd", "nag"))),
    "beta_1":                    _H(_SHARE, "0.9", ("optimizer", ("adam",))),
    "beta_2":                    _H(_SHARE, "0.999", ("optimizer", ("adam",))),
    "eps":                       _H(_SHARE, "1e-8", ("optimizer", ("adam", "rmsprop"))),
    "gamma":                     _H(_SHARE, "0.9", ("optimizer", ("rmsprop",))),
}
# fmt: on

# What is asked for unless a person says otherwise: transfer learning, as in AWS's own examples.
DEFAULTS: Mapping[str, str] = {
    "num_layers": "18",
    "use_pretrained_model": "1",
    "image_shape": PRETRAINED_SHAPE,
    "mini_batch_size": "32",
    "epochs": "10",
    "learning_rate": "0.001",
}


def image_size_px(values: Mapping[str, str]) -> int:
    """The longer side of `image_shape`, in pixels. Raises UserError when it is no shape."""
    shape = _value(values, "image_shape")
    match = _SHAPE.fullmatch(shape)
    if match is None:
        raise UserError(_refusal("image_shape", shape))
    return max(int(match[1]), int(match[2]))


def complete(given: Mapping[str, object], classes: int, training_samples: int) -> dict[str, str]:
    """`given` as AWS writes them, with our defaults and with what the data set says.

    Raises UserError for a name that AWS does not know, and for a number of classes or of samples
    that is not the data set's.
    """
    chosen = {name: _text(name, value) for name, value in given.items()}
    for name in chosen:
        if name not in TABLE:
            near = difflib.get_close_matches(name, TABLE, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise UserError(
                f"AWS's image classification has no hyperparameter '{name}'.{hint} "
                f"It knows {', '.join(sorted(TABLE))}."
            )
    measured = {"num_classes": str(classes), "num_training_samples": str(training_samples)}
    for name, value in measured.items():
        if chosen.get(name, value) != value:
            raise UserError(
                f"{name} is {value} in the staged data set, not {chosen[name]}: leave it out."
            )
    values = {**DEFAULTS, **chosen, **measured}
    # AWS wants the shortest side longer than the crop, and shows 256 for 224.
    values.setdefault("resize", str(-(-image_size_px(values) * 8 // 7)))
    return values


def check(values: Mapping[str, str], validation_samples: int, gpus: int) -> None:
    """Raise UserError, one line, for the first demand of AWS's that `values` do not meet.

    `values` are complete; `gpus` are those of the instance. Pictures are staged with one label
    each and trained on by one instance, which rules some values out that AWS allows elsewhere.
    """
    for problem in _problems(values, validation_samples, gpus):
        raise UserError(problem)


def _problems(values: Mapping[str, str], validation_samples: int, gpus: int) -> Iterator[str]:
    yield from _kinds(values)
    yield from _network(values)
    yield from _batches(values, validation_samples, gpus)
    yield from _course(values)
    yield from _unused(values)


def _kinds(values: Mapping[str, str]) -> Iterator[str]:
    for name in ("num_classes", "num_training_samples"):
        if name not in values:
            yield f"{name} is required."
    for name, value in values.items():
        if name not in TABLE:
            yield f"'{name}' is no hyperparameter of AWS's image classification."
        elif not TABLE[name].kind.accepts(value):
            yield _refusal(name, value)


def _network(values: Mapping[str, str]) -> Iterator[str]:
    if _value(values, "use_pretrained_model") == "1":
        layers, shape = _value(values, "num_layers"), _value(values, "image_shape")
        if layers not in DEEP:
            yield (
                f"A pretrained model has {', '.join(DEEP[:-1])} or {DEEP[-1]} layers; num_layers "
                f"is {layers}. Set one of these, or use_pretrained_model=0."
            )
        if shape != PRETRAINED_SHAPE:
            yield (
                f"A pretrained model takes image_shape={PRETRAINED_SHAPE} only; it is {shape}. "
                "Leave it out, or set use_pretrained_model=0."
            )
    size_px, resize = image_size_px(values), values.get("resize")
    if resize is None:
        yield f"resize is required for pictures that are no RecordIO file: {size_px} or more."
    elif int(resize) < size_px:
        yield (
            f"resize must be at least the longer side of image_shape, {size_px}; it is {resize}. "
            "Smaller pictures make the training fail."
        )


def _batches(values: Mapping[str, str], validation_samples: int, gpus: int) -> Iterator[str]:
    size, training_samples = (
        int(_value(values, name)) for name in ("mini_batch_size", "num_training_samples")
    )
    if size > training_samples:
        yield (
            f"mini_batch_size must be at most the number of training pictures, "
            f"{training_samples}; it is {size}."
        )
    if size > validation_samples:
        # Only whole batches are counted: the accuracy would be that of no picture.
        yield (
            f"mini_batch_size must be at most the number of validation pictures, "
            f"{validation_samples}; it is {size}."
        )
    if size < gpus:
        yield (
            f"mini_batch_size is divided among the instance's {gpus} GPUs and must be at least "
            f"{gpus}; it is {size}."
        )


def _course(values: Mapping[str, str]) -> Iterator[str]:
    epochs = int(_value(values, "epochs"))
    if int(values.get("checkpoint_frequency", "1")) > epochs:
        yield (
            f"checkpoint_frequency must be at most epochs, {epochs}; it is "
            f"{values['checkpoint_frequency']}."
        )
    steps = [int(step) for step in values.get("lr_scheduler_step", "1").split(",")]
    if any(after <= before for before, after in itertools.pairwise(steps)):
        yield (
            "lr_scheduler_step must name later and later epochs, as in 10,20; it is "
            f"{values['lr_scheduler_step']}."
        )
    if "lr_scheduler_factor" in values and "lr_scheduler_step" not in values:
        yield "lr_scheduler_factor does nothing without lr_scheduler_step, as in 10,20: set both."


def _unused(values: Mapping[str, str]) -> Iterator[str]:
    if _value(values, "multi_label") == "1":
        yield "multi_label must be 0: the staged pictures have one label each."
    if "kv_store" in values:
        yield "kv_store is for training on several machines; this trains on one: leave it out."
    for name in values:
        if condition := TABLE[name].used_with:
            other, wanted = condition
            if _value(values, other) not in wanted:
                yield (
                    f"{name} is only used with {other}={' or '.join(wanted)}, and {other} is "
                    f"{_value(values, other)}: leave it out, or set {other}."
                )


def _value(values: Mapping[str, str], name: str) -> str:
    """The value that AWS will use."""
    return values.get(name) or TABLE[name].default or ""


def _text(name: str, value: object) -> str:
    """`value` as AWS writes it: no spaces in lists, and truth with a capital letter."""
    text = str(value).strip()
    if name in ("image_shape", "lr_scheduler_step"):
        return text.replace(" ", "")
    return text.capitalize() if name == "early_stopping" else text


def _refusal(name: str, value: str) -> str:
    return f"{name} must be {TABLE[name].kind.words}; it is '{value}'."
