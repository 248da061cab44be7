"""One answer's time and eight clients' throughput: ONNX Runtime beside PyTorch.

The same model server, weights and preprocessing; only what computes the network differs. The
servers are asked in turns, and only one of them works at a time.
"""

import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import trainings
from client import Client
from measuring import quantiles_ms
from PIL import Image

from scripts.dataset import make_splits
from scripts.environment import ROOT
from scripts.training import efficientnet

HERE = Path(__file__).parent
SERVER = ROOT / "scripts" / "localcloud" / "serving.py"
PYTORCH = "torch_inference.py"
SERVERS: Mapping[str, Mapping[str, str]] = {
    "ONNX Runtime": {"SAGEMAKER_PROGRAM": "inference.py"},
    "PyTorch": {"SAGEMAKER_PROGRAM": PYTORCH},
    "PyTorch, TorchScript": {"SAGEMAKER_PROGRAM": PYTORCH, "TORCHSCRIPT": "1"},
}
THREADS = 1
CLIENTS = 8
ROUNDS = 5
ROUND_S = 3.0
WARM_UP = 20
START_S = 60
SAME_MODEL = 1e-3
"""Furthest that scores may be apart for the comparison to be one of servers."""
ENCODINGS: Mapping[str, Mapping[str, Any]] = {
    "PNG, RGBA": {"format": "PNG", "mode": "RGBA"},
    "WebP, lossless": {"format": "WEBP", "mode": "RGB", "lossless": True},
    "JPEG, quality 100": {"format": "JPEG", "mode": "RGB", "quality": 100, "subsampling": 0},
    "JPEG, quality 100, colour at half the resolution": {
        "format": "JPEG",
        "mode": "RGB",
        "quality": 100,
        "subsampling": 2,
    },
}

Say = Callable[[str], None]


@dataclass
class Load:
    """What one server did: seconds of single answers by round, and each round of all clients."""

    alone: list[list[float]] = field(default_factory=list)
    together: list[dict[str, Any]] = field(default_factory=list)


def measure(hyperparameters: Mapping[str, object], say: Say) -> dict[str, Any]:
    """Train once, serve that model by each server, and ask them for the test pictures."""
    splits = make_splits(trainings.load())
    pictures = [sample.data for sample in splits.test]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        say("training the model to serve")
        trained = trainings.run(folder / "training", splits, hyperparameters)
        sent = folder / "pictures"
        sent.mkdir()
        for index, data in enumerate(pictures):
            (sent / f"{index:04}").write_bytes(data)
        ports = {
            name: stack.enter_context(_served(folder / str(number), trained.folder, settings))
            for number, (name, settings) in enumerate(SERVERS.items())
        }
        say("comparing answers")
        answers = {name: _answers(port, pictures) for name, port in ports.items()}
        ours = next(iter(SERVERS))
        beside = {name: compare(answers[ours], answers[name]) for name in SERVERS if name != ours}
        for name, difference in beside.items():
            if difference["largest_score_difference"] > SAME_MODEL:
                raise RuntimeError(f"{name} answers otherwise than {ours}: not the same model.")
        loads = _in_turns(ports, sent, say)
        return {
            "image_size_px": trained.description["image_size"],
            "picture_bytes": statistics.median(map(len, pictures)),
            "threads_per_prediction": THREADS,
            "alone": "one client, one open connection, the next request after the answer",
            "together": f"{CLIENTS} client processes on the same machine, each the same way",
            "rounds": ROUNDS,
            "servers": {name: _figures(load) for name, load in loads.items()},
            "beside_onnx_runtime": beside,
            "beside_the_original_encoding": {
                name: compare(
                    answers[ours], _answers(ports[ours], [encode(p, options) for p in pictures])
                )
                for name, options in ENCODINGS.items()
            },
        }


def _in_turns(ports: Mapping[str, int], pictures: Path, say: Say) -> dict[str, Load]:
    """In each round each server has one client, then all of them."""
    bodies = [path.read_bytes() for path in sorted(pictures.iterdir())]
    loads = {name: Load() for name in ports}
    for number in range(ROUNDS):
        for name, port in ports.items():
            say(f"round {number + 1} of {ROUNDS}, {name}")
            client = Client(port)
            loads[name].alone.append([client.timed(body) for body in bodies])
            client.connection.close()
            loads[name].together.append(together(port, pictures))
    return loads


@contextmanager
def _served(folder: Path, model: Path, settings: Mapping[str, str]) -> Iterator[int]:
    """A process of the model server with a copy of the model and its code; gives its port."""
    shutil.copytree(model, folder)
    code = folder / "code"
    code.mkdir()
    for name, data in efficientnet.source_files().items():
        (code / name).write_bytes(data)
    shutil.copy(HERE / PYTORCH, code)
    port_file = folder / "port"
    threads = str(THREADS)
    environment = {
        **os.environ,
        **settings,
        "INFERENCE_THREADS": threads,
        "OMP_NUM_THREADS": threads,
    }
    server = subprocess.Popen(
        [sys.executable, str(SERVER), str(folder), str(port_file)], env=environment
    )
    try:
        deadline = time.monotonic() + START_S
        while not port_file.exists():
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The model server with {dict(settings)} did not start.")
            time.sleep(0.05)
        yield int(port_file.read_text())
    finally:
        server.terminate()
        server.wait(10)


def _answers(port: int, pictures: Sequence[bytes]) -> list[list[float]]:
    client = Client(port)
    for picture in pictures[:WARM_UP]:
        client.ask(picture)
    answers = [client.ask(picture) for picture in pictures]
    client.connection.close()
    return answers


def compare(some: Sequence[Sequence[float]], others: Sequence[Sequence[float]]) -> dict[str, Any]:
    """How far the scores [n][classes] of the same pictures are apart, and what it changes."""
    ours, theirs = np.asarray(some), np.asarray(others)
    furthest = np.abs(ours - theirs).max(axis=1)
    return {
        "median_score_difference": float(np.median(furthest)),
        "largest_score_difference": float(furthest.max()),
        "other_decisions": int((ours.argmax(axis=1) != theirs.argmax(axis=1)).sum()),
    }


def encode(picture: bytes, options: Mapping[str, Any]) -> bytes:
    """The same picture in another encoding: `options` are its mode and what save() takes."""
    to = dict(options)
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(picture)) as opened:
        opened.convert(to.pop("mode")).save(buffer, **to)
    return buffer.getvalue()


def together(port: int, pictures: Path, seconds: float = ROUND_S) -> dict[str, Any]:
    """All clients at once for `seconds`, begun together once each has been answered.

    Raises RuntimeError when a client is not.
    """
    command = [sys.executable, str(HERE / "client.py"), str(port), str(pictures), str(seconds)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    clients = [subprocess.Popen(command, **pipes) for _ in range(CLIENTS)]
    try:
        for client in clients:
            assert client.stdout
            if client.stdout.readline() != "ready\n":
                raise RuntimeError("A client was not answered.")
        for client in clients:
            assert client.stdin
            client.stdin.write("go\n")
            client.stdin.flush()
        results = [json.loads(client.communicate(timeout=seconds + 60)[0]) for client in clients]
    finally:
        for client in clients:
            client.kill()
            client.wait()
    answers = [seconds for result in results for seconds in result["answers_s"]]
    return {
        "pictures_per_s": len(answers) / seconds,
        "answers_s": answers,
        "client_processor_s": sum(result["processor_s"] for result in results),
    }


def _figures(load: Load) -> dict[str, Any]:
    """Percentiles over all rounds; the median round's throughput, and the range of the rounds."""
    rates = [one["pictures_per_s"] for one in load.together]
    medians = [quantiles_ms(answers)["p50_ms"] for answers in load.alone]
    used = sum(one["client_processor_s"] for one in load.together)
    return {
        "alone": {
            **quantiles_ms([seconds for answers in load.alone for seconds in answers]),
            "p50_ms_by_round": medians,
            "requests": sum(map(len, load.alone)),
        },
        "together": {
            "pictures_per_s": statistics.median(rates),
            "pictures_per_s_by_round": rates,
            **quantiles_ms([s for one in load.together for s in one["answers_s"]]),
            "requests": sum(len(one["answers_s"]) for one in load.together),
            "clients_share_of_processors": used / (len(rates) * ROUND_S * (os.cpu_count() or 1)),
        },
    }
