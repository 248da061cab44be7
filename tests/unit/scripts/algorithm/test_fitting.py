"""The training loop, on a network small enough to watch."""

from itertools import pairwise

import numpy as np
import pytest
import torch

import fitting
from hyperparameters import Hyperparameters
from samples import Channel

CPU = torch.device("cpu")


class Watched(torch.nn.Module):
    """Mean colour to logits; remembers in which mode it was asked, and for how many pictures."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)
        torch.nn.init.zeros_(self.linear.weight)
        torch.nn.init.zeros_(self.linear.bias)
        self.asked = []

    def forward(self, pictures):
        self.asked.append((self.training, len(pictures)))
        return self.linear(pictures.mean((2, 3)) / 255)


def channel(count: int) -> Channel:
    """Black pictures of class 0 and white ones of class 1, in turn."""
    labels = np.arange(count, dtype=np.int64) % 2
    pictures = np.zeros((count, 8, 8, 3), dtype=np.uint8)
    pictures[labels == 1] = 255
    return Channel("train", pictures, labels, sha256="")


def settings(**values: object) -> Hyperparameters:
    return Hyperparameters(("black", "white"), image_size=32, shift=0, **values)


def test_it_learns_in_training_mode_and_is_judged_in_evaluation_mode():
    network = Watched()
    fitting.fit(
        network, channel(10), channel(4), settings(epochs=2, batch_size=4), CPU, lambda epoch: None
    )
    epoch = [(True, 4), (True, 4), (True, 2), (False, 4)]
    assert network.asked == epoch * 2


def test_the_learning_rate_rises_and_falls_to_almost_nothing():
    network = Watched()
    weights = [network.linear.weight.detach().clone()]
    fitting.fit(
        network,
        channel(16),
        channel(2),
        settings(epochs=10, batch_size=4, mixup=0, learning_rate=0.01),
        CPU,
        lambda epoch: weights.append(network.linear.weight.detach().clone()),
    )
    moved = [float((b - a).norm()) for a, b in pairwise(weights)]
    assert moved[0] < max(moved)
    assert moved[-1] < 0.1 * max(moved)


def test_every_epoch_is_reported_with_what_it_measured():
    seen = []
    epochs = fitting.fit(
        Watched(),
        channel(16),
        channel(4),
        settings(epochs=3, batch_size=4, mixup=0, learning_rate=0.05),
        CPU,
        seen.append,
    )
    assert seen == epochs
    assert [(epoch.number, epoch.of) for epoch in epochs] == [(1, 3), (2, 3), (3, 3)]
    assert epochs[-1].train_loss < epochs[0].train_loss < np.log(2) * 1.01
    assert epochs[-1].validation_accuracy == 1


def test_accuracy_and_loss_are_those_of_the_definition():
    logits = torch.tensor([[50.0, 0.0], [0.0, 50.0], [0.0, 50.0]])
    assert fitting.accuracy(logits, channel(3)) == pytest.approx(2 / 3)
    assert fitting.cross_entropy(logits, channel(3)) == pytest.approx(50 / 3)
