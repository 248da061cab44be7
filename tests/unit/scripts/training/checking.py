"""Hyperparameters of AWS's image classification, completed and checked for one small data set."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.errors import UserError
from scripts.training import builtin_hyperparameters

SCRATCH = {"use_pretrained_model": "0"}
STOPPING = {"early_stopping": "True"}


def complete(
    given: dict[str, Any] | None = None, classes: int = 2, training: int = 850
) -> dict[str, str]:
    return builtin_hyperparameters.complete(given or {}, classes, training)


def check(
    given: dict[str, Any],
    classes: int = 2,
    training: int = 850,
    validation: int = 150,
    gpus: int = 1,
) -> dict[str, str]:
    """The hyperparameters that would be submitted for `given`."""
    values = complete(given, classes, training)
    builtin_hyperparameters.check(values, validation, gpus)
    return values


def refusal(given: dict[str, Any], **data: int) -> str:
    """The one line that `given` is refused with."""
    with pytest.raises(UserError) as caught:
        check(given, **data)
    words = str(caught.value)
    assert "\n" not in words
    return words
