"""The stand-in for AWS's image classification: AWS's files in, AWS's log out, and what it is."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from scripts.environment import ROOT
from scripts.localcloud import standin
from scripts.localcloud.standin import CONTENT_TYPES, MARK, METRICS, WORDS

VALUES = {
    "num_classes": "2",
    "num_training_samples": "4",
    "use_pretrained_model": "0",
    "image_shape": "3,48,40",
    "resize": "48",
    "epochs": "2",
    "mini_batch_size": "2",
    "learning_rate": "0.01",
}
ALGORITHM = """
import json, os, pathlib, sys
model = pathlib.Path(os.environ["SM_MODEL_DIR"])
lists = {
    name: (pathlib.Path(os.environ[f"SM_CHANNEL_{name.upper()}"]) / f"{name}.lst").read_text()
    for name in ("train", "validation")
}
(model / "asked.json").write_text(json.dumps({"flags": sys.argv[1:], "lists": lists}))
print("reading pictures")
if lists["train"].startswith("9"):
    sys.exit("samples.ChannelError: the picture 9 is damaged")
for epoch in (1, 2):
    print(
        f"epoch={epoch}/2 train_loss=0.5 validation_loss=0.4 validation_accuracy=0.{epoch}5 "
        "seconds=1.5"
    )
"""
# A picture is the number that the model takes it for.
INFERENCE = """
import numpy
def model_fn(folder): return None
def input_fn(body, content_type): return int(body)
def predict_fn(picture, model): return numpy.eye(2)[picture]
"""
PROGRAM = """
import pathlib, sys
from scripts.localcloud.standin import train
train.ALGORITHM = pathlib.Path(sys.argv[1])
sys.exit(train.main(pathlib.Path(sys.argv[2])))
"""


class Job:
    """A job's /opt/ml, and an algorithm that is done in a moment."""

    def __init__(self, folder: Path) -> None:
        self.base, self.algorithm = folder / "ml", folder / "algorithm"
        self.values = dict(VALUES)
        self.channels = dict.fromkeys(
            ("train", "validation", "train_lst", "validation_lst"), "application/x-image"
        )
        for place in ("model", "output", "input/config"):
            (self.base / place).mkdir(parents=True)
        self.algorithm.mkdir()
        (self.algorithm / "train.py").write_text(ALGORITHM)
        (self.algorithm / "inference.py").write_text(INFERENCE)
        # The model is wrong about the last of the four.
        self.write("train", {"a.png": "0", "b.png": "1", "c.png": "1", "d.png": "1"}, "0110")
        self.write("validation", {"e.png": "0", "f.png": "1"}, "01")

    def place(self, channel: str) -> Path:
        folder = self.base / "input" / "data" / channel
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def write(self, channel: str, pictures: dict[str, str], labels: str) -> None:
        lines = []
        for index, (name, content) in enumerate(pictures.items()):
            (self.place(channel) / name).write_text(content)
            lines.append(f"{index}\t{labels[index]}\t{name}\n")
        (self.place(f"{channel}_lst") / "any-name.lst").write_text("".join(lines))

    def run(self) -> tuple[int, list[str]]:
        """Exit code and log of the training."""
        config = self.base / "input" / "config"
        (config / "hyperparameters.json").write_text(json.dumps(self.values))
        inputs = {name: {"ContentType": kind} for name, kind in self.channels.items()}
        (config / "inputdataconfig.json").write_text(json.dumps(inputs))
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(self.algorithm), str(self.base)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=self.base,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout.splitlines()

    def failure(self) -> str:
        return (self.base / "output" / "failure").read_text()

    def asked(self) -> Any:
        return json.loads((self.base / "model" / "asked.json").read_text())


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


# Training


def test_the_first_line_of_the_log_says_that_it_is_a_stand_in(job: Job) -> None:
    code, lines = job.run()
    assert code == 0
    assert lines[0] == WORDS
    assert lines[0].startswith("STAND-IN: this is not AWS's image classification")


def test_the_log_has_the_form_of_awss_and_epochs_are_counted_from_0(job: Job) -> None:
    _, lines = job.run()
    assert re.fullmatch(r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d INFO \d+\] .*", lines[1])
    said = [line.partition("] ")[2] for line in lines]
    assert [line for line in said if line.startswith("Epoch")] == [
        "Epoch[0] Time cost=1.500",
        "Epoch[0] Validation-accuracy=0.150000",
        "Epoch[1] Time cost=1.500",
        "Epoch[1] Validation-accuracy=0.250000",
        "Epoch[1] Train-accuracy=0.750000",
    ]
    assert "reading pictures" in said


def test_sagemakers_own_definitions_find_the_metrics_in_it(job: Job) -> None:
    text = "\n".join(job.run()[1])
    found = {item["Name"]: re.findall(item["Regex"], text)[-1] for item in METRICS}
    assert found == {"train:accuracy": "0.750000", "validation:accuracy": "0.250000"}


def test_a_file_of_the_model_says_that_it_is_a_stand_ins(job: Job) -> None:
    job.run()
    assert (job.base / "model" / MARK).read_text() == f"{WORDS}\n"


def test_hyperparameters_become_those_of_the_algorithm(job: Job) -> None:
    job.run()
    assert job.asked()["flags"] == [
        *("--classes", "0,1", "--epochs", "2", "--batch_size", "2", "--image_size", "48")
    ]


@pytest.mark.parametrize(
    ("values", "flag", "expected"),
    [
        ({"image_shape": "3,224,224", "resize": "256"}, "--image_size", "128"),
        ({"image_shape": "3,28,28"}, "--image_size", "32"),
    ],
)
def test_the_pictures_are_of_a_size_that_a_laptop_can_train_on(
    job: Job, values: dict[str, str], flag: str, expected: str
) -> None:
    job.values |= values
    job.run()
    flags = job.asked()["flags"]
    assert flags[flags.index(flag) + 1] == expected


def test_what_is_not_set_is_awss_default(job: Job) -> None:
    del job.values["epochs"]
    job.run()
    flags = job.asked()["flags"]
    assert flags[flags.index("--epochs") + 1] == "30"


def test_a_hyperparameter_that_it_does_not_use_is_named_as_such(job: Job) -> None:
    text = "\n".join(job.run()[1])
    assert "learning_rate: 0.01 (not used by the stand-in)" in text
    assert re.search(r"epochs: 2$", text, re.MULTILINE)


def test_the_lists_are_those_of_their_own_channels(job: Job) -> None:
    (job.place("train") / "train.lst").write_text("0\t0\tsomething-else.png\n")
    job.run()
    assert job.asked()["lists"]["train"].splitlines()[0] == "0\t0\ta.png"
    assert job.asked()["lists"]["validation"].splitlines()[1] == "1\t1\tf.png"


@pytest.mark.parametrize("missing", ["train", "validation", "train_lst", "validation_lst"])
def test_a_channel_that_is_missing_is_the_customers_error(job: Job, missing: str) -> None:
    del job.channels[missing]
    code, lines = job.run()
    assert code == 1
    assert job.failure().startswith(f"ClientError: The channel {missing} is missing")
    assert f"ERROR {lines[-1].split()[3].rstrip(']')}] Customer Error: The channel" in lines[-1]


@pytest.mark.parametrize("kind", ["application/x-recordio", ""])
def test_pictures_of_another_kind_are_the_customers_error(job: Job, kind: str) -> None:
    job.channels["train"] = kind
    assert job.run()[0] == 1
    assert f"ClientError: The channel train has the content type '{kind}'" in job.failure()


@pytest.mark.parametrize("count", [0, 2])
def test_a_channel_has_one_list(job: Job, count: int) -> None:
    folder = job.place("validation_lst")
    if count:
        (folder / "second.lst").write_text("0\t0\te.png\n")
    else:
        (folder / "any-name.lst").unlink()
    assert job.run()[0] == 1
    assert job.failure() == (
        f"ClientError: The channel validation_lst has {count} .lst files; it must have one."
    )


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("mini_batch_size", "3", "at most the number of validation pictures, 2; it is 3"),
        ("mini_batch_size", "5", "at most the number of training pictures, 4; it is 5"),
        ("num_layers", "19", "num_layers must be 18"),
        ("depth", "18", "'depth' is no hyperparameter"),
    ],
)
def test_what_aws_would_refuse_is_refused(job: Job, name: str, value: str, words: str) -> None:
    job.values[name] = value
    assert job.run()[0] == 1
    assert job.failure().startswith("ClientError: ")
    assert words in job.failure()
    assert not (job.base / "model" / MARK).exists()


def test_an_algorithm_that_fails_gives_its_last_line_as_the_reason(job: Job) -> None:
    lst = job.place("train_lst") / "any-name.lst"
    lst.write_text(f"9{lst.read_text()}")
    code, lines = job.run()
    assert code == 1
    reason = "samples.ChannelError: the picture 9 is damaged"
    assert job.failure() == f"AlgorithmError: {reason}"
    assert lines[-1].endswith(reason)


# Serving


class _Refused(ValueError):
    status_code = 400


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The serving program, beside an algorithm that answers for a picture of any content."""

    def decode(body: bytes, content_type: str) -> str:
        if not body:
            raise _Refused("no picture")
        return f"{content_type} {body.decode()}"

    algorithm = SimpleNamespace(
        model_fn=lambda folder: f"model of {folder}",
        input_fn=decode,
        predict_fn=lambda _picture, _model: np.array([0.25, 0.75], np.float32),
    )
    monkeypatch.setitem(sys.modules, "inference", algorithm)
    monkeypatch.delitem(sys.modules, "scripts.localcloud.standin.serve", raising=False)
    return importlib.import_module("scripts.localcloud.standin.serve")


def test_a_server_says_first_that_it_is_a_stand_in(
    serve: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / MARK).write_text("")
    assert serve.model_fn(str(tmp_path)) == f"model of {tmp_path}"
    assert capsys.readouterr().out.splitlines()[0] == WORDS


def test_a_model_that_aws_has_trained_is_not_pretended_to_be_served(
    serve: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit, match="can be served on AWS only"):
        serve.model_fn(str(tmp_path))


@pytest.mark.parametrize(
    "kind", ["application/x-image", "image/png", "image/jpeg", "IMAGE/PNG; q=1"]
)
def test_a_picture_is_taken_as_each_of_awss_content_types(serve: ModuleType, kind: str) -> None:
    assert serve.input_fn(b"abc", kind) == "application/x-image abc"


@pytest.mark.parametrize("kind", ["image/webp", "application/json", "text/csv", ""])
def test_another_content_type_is_refused(serve: ModuleType, kind: str) -> None:
    with pytest.raises(serve.Refused, match="must be one of application/x-image") as caught:
        serve.input_fn(b"abc", kind)
    assert caught.value.status_code == 415


def test_what_the_algorithm_refuses_is_refused_in_its_words(serve: ModuleType) -> None:
    with pytest.raises(_Refused, match="no picture"):
        serve.input_fn(b"", "image/png")


@pytest.mark.parametrize("accept", ["", "*/*", "application/json", "text/html, application/json"])
def test_the_answer_is_a_json_array_of_probabilities(serve: ModuleType, accept: str) -> None:
    scores = serve.predict_fn("picture", "model")
    assert serve.output_fn(scores, accept) == ("[0.25, 0.75]", "application/json")


def test_json_lines_are_answered_to_who_asks_for_them(serve: ModuleType) -> None:
    assert serve.output_fn([0.25, 0.75], "application/jsonlines") == (
        '{"prediction": [0.25, 0.75]}\n',
        "application/jsonlines",
    )


def test_another_kind_of_answer_is_refused(serve: ModuleType) -> None:
    with pytest.raises(serve.Refused) as caught:
        serve.output_fn([0.25, 0.75], "text/csv")
    assert caught.value.status_code == 406


def test_its_code_takes_the_place_of_any_that_a_model_brings(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "inference.py").write_text("raise SystemExit('not mine')")
    (code / "extra.py").write_text("")
    standin.install(code)
    expected = {path.name for path in (ROOT / "scripts" / "algorithm").glob("*.py")}
    assert {path.name for path in code.iterdir()} == expected | {"serve.py"}
    assert "not mine" not in (code / "inference.py").read_text()


def test_it_takes_the_pictures_that_aws_takes() -> None:
    """Developer guide, "Inference with the Image Classification Algorithm"."""
    assert set(CONTENT_TYPES) == {"application/x-image", "image/png", "image/jpeg"}
