"""The exported model served by PyTorch, to compare with: same weights, same server, same rest.

TORCHSCRIPT=1 in the environment traces and freezes the network first; otherwise it runs as it is.
"""

import json
import os
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from PIL import Image

import artefact
import network
from inference import input_fn, output_fn
from preprocessing import square

__all__ = ["input_fn", "model_fn", "output_fn", "predict_fn"]


class Serving(torch.nn.Module):
    """Pictures uint8 [n, size, size, 3] to probabilities, as export.py puts them in the graph."""

    def __init__(self, classifier: network.Classifier, temperature: float) -> None:
        super().__init__()
        self.classifier, self.temperature = classifier, temperature

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        logits = self.classifier(pictures.permute(0, 3, 1, 2).float())
        return torch.softmax(logits / self.temperature, dim=1)


def model_fn(model_dir: str) -> tuple[torch.nn.Module, int]:
    """The network with the weights of the ONNX graph, and the side of its pictures in pixels."""
    torch.set_num_threads(int(os.environ.get("INFERENCE_THREADS", "1")))
    folder = Path(model_dir)
    found = artefact.read(folder)
    graph = onnx.load_model_from_string(found.model).graph
    classifier = network.build(len(found.labels), found.image_size, frozen_blocks=0, dropout=0)
    classifier.load_state_dict(
        {
            weights.name.removeprefix("network."): torch.from_numpy(
                onnx.numpy_helper.to_array(weights).copy()
            )
            for weights in graph.initializer
        }
    )
    description = json.loads((folder / artefact.DESCRIPTION).read_text())
    serving: torch.nn.Module = Serving(classifier, description["temperature"]).eval()
    example = torch.zeros(1, found.image_size, found.image_size, 3, dtype=torch.uint8)
    if os.environ.get("TORCHSCRIPT"):
        serving = torch.jit.freeze(torch.jit.trace(serving, example))
    with torch.inference_mode():
        serving(example)
    return serving, found.image_size


def predict_fn(data: Image.Image, model: tuple[torch.nn.Module, int]) -> NDArray[np.float32]:
    """Probabilities of one picture, in label order."""
    serving, image_size = model
    with torch.inference_mode():
        scores = serving(torch.from_numpy(square(data, image_size).copy())[None])
    answer: NDArray[np.float32] = scores[0].numpy()
    return answer
