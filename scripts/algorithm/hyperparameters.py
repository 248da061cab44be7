"""The algorithm's hyperparameters: their defaults, their ranges, and how they are read."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any

MIN_IMAGE_SIZE_PX, MAX_IMAGE_SIZE_PX = 32, 320
BLOCKS = 16
"""EfficientNet-Lite0 has a stem, this many blocks, and a head."""


class HyperparameterError(ValueError):
    """A hyperparameter that cannot be used; the message names it and what it may be."""


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Hyperparameters:
    """Everything that decides what is trained, but the data. Raises HyperparameterError."""

    classes: tuple[str, ...] = _setting((), "names of the classes in label order, comma separated")
    image_size: int = _setting(128, "side of the square picture that the network sees, in pixels")
    epochs: int = _setting(10, "passes over the training pictures")
    batch_size: int = _setting(32, "pictures a step")
    learning_rate: float = _setting(3e-4, "AdamW's highest learning rate, in a one-cycle schedule")
    warmup: float = _setting(0.2, "share of the steps in which the learning rate rises")
    weight_decay: float = _setting(0.01, "AdamW's weight decay")
    dropout: float = _setting(0.2, "share of the features left out before the last layer")
    frozen_blocks: int = _setting(3, "first blocks that, like the stem, do not learn")
    mixup: float = _setting(0.2, "alpha of mixup's Beta distribution; 0 turns mixup off")
    shift: float = _setting(1 / 16, "furthest shift of a training picture, share of its side")
    zoom: float = _setting(0.15, "logarithm of the most that one is made larger or smaller by")
    rotation: float = _setting(10.0, "furthest that a training picture is turned, in degrees")
    flip: float = _setting(0.5, "probability that a training picture is mirrored left to right")
    seed: int = _setting(0, "decides the order, movements, mixing and dropout")
    git_commit: str = _setting("", "commit of this code, kept in the model's description")

    def __post_init__(self) -> None:
        if len(self.classes) < 2 or "" in self.classes:
            raise HyperparameterError(
                "classes must name two or more classes, comma separated, as in bicycle,motorcycle; "
                f"it is {','.join(self.classes)!r}."
            )
        if len(set(self.classes)) < len(self.classes):
            raise HyperparameterError(f"classes names one twice: {','.join(self.classes)}.")
        self._check_range("image_size", MIN_IMAGE_SIZE_PX, MAX_IMAGE_SIZE_PX)
        self._check_range("epochs", 1, 1000)
        self._check_range("batch_size", 1, 4096)
        self._check_range("learning_rate", 1e-7, 1)
        self._check_range("warmup", 0, 0.9)
        self._check_range("weight_decay", 0, 1)
        self._check_range("dropout", 0, 0.9)
        self._check_range("frozen_blocks", 0, BLOCKS)
        self._check_range("mixup", 0, 10)
        self._check_range("shift", 0, 0.4)
        self._check_range("zoom", 0, 1)
        self._check_range("rotation", 0, 180)
        self._check_range("flip", 0, 1)
        self._check_range("seed", 0, 2**32 - 1)

    def _check_range(self, name: str, low: float, high: float) -> None:
        value = getattr(self, name)
        if not low <= value <= high:
            raise HyperparameterError(f"{name} must be from {low} to {high}; it is {value}.")


class _Parser(argparse.ArgumentParser):
    """Raises where argparse would print and exit: a training job reports exceptions."""

    def error(self, message: str) -> Any:
        raise HyperparameterError(f"Hyperparameters: {message}.")


def _class_names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",")) if text.strip() else ()


def parse(arguments: Sequence[str]) -> Hyperparameters:
    """Read `--key value` flags, with hyphens or underscores in the key.

    Raises HyperparameterError for an unknown key, a value of the wrong type or out of range.
    """
    parser = _Parser(
        prog="train.py",
        description="Fine-tune EfficientNet-Lite0 on labelled pictures. Folders come from SM_*.",
        allow_abbrev=False,
    )
    for setting in fields(Hyperparameters):
        flags = dict.fromkeys((f"--{setting.name}", f"--{setting.name.replace('_', '-')}"))
        parser.add_argument(
            *flags,
            dest=setting.name,
            type=_class_names if setting.name == "classes" else type(setting.default),
            default=setting.default,
            metavar=setting.name.upper(),
            help=f"{setting.metadata['help']} (default: {setting.default or 'none'})",
        )
    return Hyperparameters(**vars(parser.parse_args(arguments)))
