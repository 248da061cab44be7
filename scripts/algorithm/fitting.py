"""Fine-tuning, epoch by epoch."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from augmentation import mixup, move
from hyperparameters import Hyperparameters
from samples import Channel

_EVALUATION_BATCH = 64


@dataclass(frozen=True)
class Epoch:
    """One epoch's result: mean cross-entropies in nats, accuracy from 0 to 1.

    `train_loss` is that of augmented pictures; `validation_*` are of the pictures as they are.
    """

    number: int
    of: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


def seed_everything(seed: int) -> None:
    """Same seed, machine and number of threads: same weights. On a GPU as far as PyTorch can."""
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Otherwise every new tensor is also filled, to catch reads of unset memory.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def fit(
    network: nn.Module,
    train: Channel,
    validation: Channel,
    settings: Hyperparameters,
    device: torch.device,
    on_epoch: Callable[[Epoch], None],
) -> list[Epoch]:
    """Train `network` in place with AdamW, a one-cycle learning rate, small movements and mixup.

    The last epoch's weights stay: choosing the best epoch on so few validation pictures would
    flatter the numbers that the temperature and the threshold rest on.
    """
    random = np.random.default_rng(settings.seed)
    pictures = as_tensor(train.pictures)
    targets = functional.one_hot(torch.from_numpy(train.labels), len(settings.classes)).float()
    steps = -(-len(train) // settings.batch_size)
    optimizer = _optimizer(network, settings)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=settings.learning_rate,
        total_steps=steps * settings.epochs,
        pct_start=settings.warmup,
        div_factor=10,
        final_div_factor=1000,
    )
    epochs = []
    for number in range(1, settings.epochs + 1):
        started = time.perf_counter()
        network.train()
        total = 0.0
        for batch, target in _batches(pictures, targets, settings, random, device):
            loss = functional.cross_entropy(network(batch), target)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        logits = predict(network, validation, device)
        epochs.append(
            Epoch(
                number=number,
                of=settings.epochs,
                train_loss=total / len(train),
                validation_loss=cross_entropy(logits, validation),
                validation_accuracy=accuracy(logits, validation),
                seconds=time.perf_counter() - started,
            )
        )
        on_epoch(epochs[-1])
    return epochs


def predict(network: nn.Module, channel: Channel, device: torch.device) -> Tensor:
    """Logits [n, classes] on the CPU, of the pictures as they are."""
    network.eval()
    with torch.no_grad():
        parts = torch.split(as_tensor(channel.pictures), _EVALUATION_BATCH)
        return torch.cat([network(part.to(device).float()).cpu() for part in parts])


def as_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """uint8 [n, size, size, 3] seen as [n, 3, size, size]; shares the memory."""
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


def cross_entropy(logits: Tensor, channel: Channel) -> float:
    """Mean negative log-likelihood, in nats."""
    return float(functional.cross_entropy(logits, torch.from_numpy(channel.labels)))


def accuracy(logits: Tensor, channel: Channel) -> float:
    """Share of the pictures whose highest logit is that of their label, 0 to 1."""
    return float((logits.argmax(1) == torch.from_numpy(channel.labels)).float().mean())


def _batches(
    pictures: Tensor,
    targets: Tensor,
    settings: Hyperparameters,
    random: np.random.Generator,
    device: torch.device,
) -> Iterator[tuple[Tensor, Tensor]]:
    """One epoch in random order, augmented, on `device`."""
    order = torch.from_numpy(random.permutation(len(pictures)))
    for chosen in torch.split(order, settings.batch_size):
        batch = pictures[chosen].to(device).float()
        batch = move(
            batch,
            random,
            shift=settings.shift,
            zoom=settings.zoom,
            rotation=settings.rotation,
            flip=settings.flip,
        )
        yield mixup(batch, targets[chosen].to(device), random, settings.mixup)


def _optimizer(network: nn.Module, settings: Hyperparameters) -> torch.optim.Optimizer:
    """AdamW that decays weights and leaves biases alone."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in learning if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in learning if p.ndim == 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)
