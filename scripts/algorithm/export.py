"""From the trained network to an ONNX model that answers calibrated probabilities."""

import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

INPUT, OUTPUT = "pictures", "probabilities"
OPSET = 17
MAX_DIFFERENCE = 1e-4
"""Furthest that ONNX Runtime's probabilities may be from PyTorch's."""


class ExportError(RuntimeError):
    """The exported model does not answer as the trained network does."""


class _Serving(nn.Module):
    """Pictures uint8 [n, size, size, 3] to probabilities [n, classes]."""

    def __init__(self, network: nn.Module, temperature: float) -> None:
        super().__init__()
        self.network = network
        self.temperature = temperature

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.network(pictures.permute(0, 3, 1, 2).float())
        return torch.softmax(logits / self.temperature, dim=1)


def to_onnx(
    network: nn.Module, temperature: float, pictures: NDArray[np.uint8]
) -> tuple[bytes, float]:
    """The model's bytes, and how far ONNX Runtime's answers on `pictures` are from PyTorch's.

    The network must be on the CPU. Normalisation, temperature and softmax are in the graph.
    Raises ExportError when a probability differs by more than MAX_DIFFERENCE.
    """
    serving = _Serving(network, temperature).eval()
    example = torch.from_numpy(pictures[:1])
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The older exporter, on purpose: it takes half a second, not ten, and writes one file.
        warnings.simplefilter("ignore", DeprecationWarning)
        # It says of padding sizes that it leaves them for ONNX Runtime to work out.
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            serving,
            (example,),
            path,
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {0: "n"}, OUTPUT: {0: "n"}},
        )
        model = path.read_bytes()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    (answered,) = session.run([OUTPUT], {INPUT: pictures})
    with torch.no_grad():
        expected = serving(torch.from_numpy(pictures)).numpy()
    difference = float(np.abs(answered - expected).max())
    if not difference <= MAX_DIFFERENCE:
        raise ExportError(
            f"The exported model's probabilities differ from the trained network's by "
            f"{difference:.2g}; at most {MAX_DIFFERENCE:g} is allowed."
        )
    return model, difference
