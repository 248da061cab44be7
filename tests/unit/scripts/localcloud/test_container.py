"""The contract of AWS's containers: what a script and a model server are given."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from scripts.environment import ROOT
from scripts.localcloud import container
from scripts.localcloud.container import (
    TrainingFolder,
    can_run,
    decode_hyperparameters,
    failure_reason,
    serving_environment,
    training_command,
    uses_stand_in,
)
from scripts.localcloud.objects import BadArchive
from scripts.localcloud.records import JobFailed

MODEL = {"ModelDataUrl": "s3://bucket/model.tar.gz"}
PYTORCH = "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.8.0-cpu-py312"
BUILTIN = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"


@pytest.fixture
def folder(tmp_path):
    return TrainingFolder(tmp_path / "job")


@pytest.fixture(autouse=True)
def archives(monkeypatch):
    """Archives hold a train.py. A test may put an error here that their download raises."""
    errors = []

    def download(_services, _uri, target):
        if errors:
            raise errors[0]
        target.mkdir(parents=True)
        (target / "train.py").write_text("")

    monkeypatch.setattr(container, "download_archive", download)
    return errors


@pytest.fixture
def start(services, folder):
    """start(hyperparameters, request members): command and environment of a training job."""

    def command(hyperparameters=None, **members):
        texts = {
            "sagemaker_program": '"train.py"',
            "sagemaker_submit_directory": '"s3://bucket/code.tar.gz"',
            **(hyperparameters or {}),
        }
        request = {"TrainingJobName": "job-1", "HyperParameters": texts, **members}
        return training_command(services, folder, request)

    return command


def channels(*names):
    return [{"ChannelName": name} for name in names]


@pytest.mark.parametrize("scope", ["training", "inference"])
def test_awss_pytorch_images_can_run(scope):
    assert can_run(f"763104351884.dkr.ecr.eu-west-1.amazonaws.com/pytorch-{scope}:2.8.0-cpu-py312")


def test_awss_image_classification_can_run_as_a_stand_in():
    assert can_run(BUILTIN)
    assert uses_stand_in({"AlgorithmSpecification": {"TrainingImage": BUILTIN}})
    assert not uses_stand_in({"AlgorithmSpecification": {"TrainingImage": PYTORCH}})
    assert not uses_stand_in({})


@pytest.mark.parametrize(
    "image",
    [
        "",
        "example/cobol:1",
        "x/pytorch-training-neuron:1",
        "me/image-classification:1",
        BUILTIN.replace(":1", ":latest"),
        BUILTIN.replace("image-classification", "object-detection"),
    ],
)
def test_other_images_cannot(image):
    assert not can_run(image)


def test_hyperparameters_are_json_or_plain_text():
    texts = {"epochs": "12", "name": '"cat"', "plain": "cat", "list": "[1]", "no": "null"}
    found = decode_hyperparameters({"HyperParameters": texts})
    assert found == {"epochs": 12, "name": "cat", "plain": "cat", "list": [1], "no": None}


def test_the_script_runs_with_its_hyperparameters_as_sorted_flags(start, folder):
    command, _ = start({"rate": "0.5", "classes": '"cat,dog"', "q": "1"})
    assert command[1:] == [
        "-u",
        str(folder.code / "train.py"),
        *("--classes", "cat,dog", "-q", "1", "--rate", "0.5"),
    ]


def test_flags_are_written_as_the_toolkit_writes_them(start):
    command, _ = start({"deep": '{"b": 2, "a": 1}', "list": "[1, 2]", "no": "null", "yes": "true"})
    assert command[3:] == ["--deep", "a=1,b=2", "--list", "[1, 2]", "--no", "", "--yes", "True"]


def test_the_toolkits_own_hyperparameters_are_not_the_scripts(start):
    command, environment = start()
    assert len(command) == 3
    assert environment["SM_HPS"] == "{}"
    assert not [name for name in environment if name.startswith("SM_HP_")]


def test_hyperparameters_are_in_the_environment(start):
    _, environment = start({"epochs": "12", "yes": "true", "name": '"cat"', "no": "null"})
    assert environment["SM_HP_EPOCHS"] == "12"
    assert environment["SM_HP_YES"] == "true"
    assert environment["SM_HP_NAME"] == "cat"
    assert environment["SM_HP_NO"] == ""
    assert json.loads(environment["SM_HPS"]) == {
        "epochs": 12,
        "yes": True,
        "name": "cat",
        "no": None,
    }


def test_channels_are_in_the_environment(start, folder):
    _, environment = start(InputDataConfig=channels("validation", "train"))
    assert environment["SM_CHANNELS"] == '["train","validation"]'
    assert environment["SM_CHANNEL_TRAIN"] == str(folder.base / "input" / "data" / "train")
    assert environment["SM_INPUT_DIR"] == str(folder.base / "input")


def test_the_folders_to_write_to_exist_and_are_in_the_environment(start):
    _, environment = start()
    assert Path(environment["SM_MODEL_DIR"]).is_dir()
    assert Path(environment["SM_OUTPUT_DATA_DIR"]).is_dir()
    assert Path(environment["SM_OUTPUT_DATA_DIR"]).parent == Path(environment["SM_OUTPUT_DIR"])


def test_the_machine_is_described_as_one_host_without_gpu(start):
    _, environment = start()
    assert environment["SM_HOSTS"] == '["algo-1"]'
    assert environment["SM_CURRENT_HOST"] == "algo-1"
    assert environment["SM_NUM_GPUS"] == "0"
    assert int(environment["SM_NUM_CPUS"]) >= 1
    assert environment["TRAINING_JOB_NAME"] == "job-1"


def test_the_code_can_import_its_own_modules_wherever_its_program_is(start, folder):
    _, environment = start({"sagemaker_program": '"deep/train.py"'})
    assert environment["PYTHONPATH"] == str(folder.code)
    assert environment["SM_USER_ENTRY_POINT"] == "deep/train.py"


def test_the_jobs_own_environment_is_added(start):
    _, environment = start(Environment={"MOOD": "calm", "SM_MODEL_DIR": "/elsewhere"})
    assert environment["MOOD"] == "calm"
    assert environment["SM_MODEL_DIR"] != "/elsewhere"


def test_a_container_sees_the_local_cloud_and_never_the_users_credentials(start, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the user's")
    monkeypatch.setenv("AWS_PROFILE", "the user's")
    _, environment = start()
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9"
    assert environment["AWS_ACCESS_KEY_ID"] == "test"
    assert environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    assert "AWS_PROFILE" not in environment


@pytest.mark.parametrize("missing", ["sagemaker_program", "sagemaker_submit_directory"])
def test_a_job_without_a_program_fails(start, missing):
    with pytest.raises(JobFailed, match="Please set the hyperparameters"):
        start({missing: '""'})


@pytest.mark.parametrize("program", ["../train.py", "/etc/train.py"])
def test_a_program_outside_its_code_is_refused(start, program):
    with pytest.raises(JobFailed, match="is not in s3://bucket/code"):
        start({"sagemaker_program": json.dumps(program)})


@pytest.mark.parametrize("error", [BadArchive("torn"), ClientError({"Error": {}}, "GetObject")])
def test_code_that_is_not_to_be_had_is_an_error_of_the_algorithm(start, archives, error):
    archives.append(error)
    with pytest.raises(JobFailed, match=r"^AlgorithmError: framework error: \ns3://bucket/code"):
        start()


def test_a_model_is_served_in_its_containers_environment(services, tmp_path):
    environment = serving_environment(
        services, tmp_path / "model", {**MODEL, "Environment": {"A": "1", "B": "1"}}, {"B": "2"}
    )
    assert (environment["A"], environment["B"]) == ("1", "2")
    assert environment["AWS_ACCESS_KEY_ID"] == "test"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ClientError({"Error": {}}, "HeadObject"), "Failed to download model data for container"),
        (BadArchive("torn"), "Failed to extract model data archive for container"),
    ],
)
def test_a_model_that_is_not_to_be_had_fails_in_awss_words(
    services, tmp_path, archives, error, words
):
    archives.append(error)
    with pytest.raises(JobFailed, match=f'^{words} "container_1" from URL') as raised:
        serving_environment(services, tmp_path / "model", MODEL, {})
    assert '"s3://bucket/model.tar.gz"' in str(raised.value)


# AWS's own algorithm


@pytest.fixture
def start_builtin(services, folder):
    """start_builtin(request members): command and environment of a job of AWS's algorithm."""

    def command(**members):
        source = {"S3DataType": "S3Prefix", "S3DataDistributionType": "FullyReplicated"}
        request = {
            "TrainingJobName": "job-1",
            "AlgorithmSpecification": {"TrainingImage": BUILTIN, "TrainingInputMode": "File"},
            "HyperParameters": {"epochs": "2", "image_shape": "3,32,32"},
            "InputDataConfig": [
                {
                    "ChannelName": name,
                    "DataSource": {"S3DataSource": source},
                    "ContentType": "application/x-image",
                }
                for name in ("train", "train_lst")
            ],
            **members,
        }
        return training_command(services, folder, request)

    return command


def _configuration(folder, name):
    return json.loads((folder.base / "input" / "config" / name).read_text())


def test_awss_algorithm_is_given_its_hyperparameters_and_channels_as_files(start_builtin, folder):
    start_builtin()
    channel = {
        "TrainingInputMode": "File",
        "S3DistributionType": "FullyReplicated",
        "RecordWrapperType": "None",
        "ContentType": "application/x-image",
    }
    assert _configuration(folder, "hyperparameters.json") == {
        "epochs": "2",
        "image_shape": "3,32,32",
    }
    assert _configuration(folder, "inputdataconfig.json") == {
        "train": channel,
        "train_lst": channel,
    }
    assert _configuration(folder, "resourceconfig.json")["hosts"] == ["algo-1"]


def test_a_channel_of_unknown_content_has_no_content_type(start_builtin, folder):
    source = {"S3DataType": "S3Prefix"}
    channel = {"ChannelName": "train", "DataSource": {"S3DataSource": source}}
    start_builtin(InputDataConfig=[channel])
    assert "ContentType" not in _configuration(folder, "inputdataconfig.json")["train"]


def test_the_stand_in_is_started_as_a_program_on_the_jobs_folder(start_builtin, folder):
    command, environment = start_builtin(Environment={"MOOD": "calm", "PYTHONPATH": "/elsewhere"})
    assert command[1:] == ["-u", "-m", "scripts.localcloud.standin.train", str(folder.base)]
    assert environment["PYTHONPATH"] == str(ROOT)
    assert environment["MOOD"] == "calm"
    assert environment["AWS_ACCESS_KEY_ID"] == "test"
    assert folder.code.is_dir()
    assert (folder.output / "data").is_dir()
    assert folder.model.is_dir()


def test_the_stand_ins_reason_for_a_failure_is_the_jobs(start_builtin, folder):
    command, _ = start_builtin()
    request = {"AlgorithmSpecification": {"TrainingImage": BUILTIN}}
    assert (
        failure_reason(request, folder, command, 7, "last") == "AlgorithmError: last, exit code: 7"
    )
    (folder.output / "failure").write_text("ClientError: no list")
    assert failure_reason(request, folder, command, 1, "last") == "ClientError: no list"


def test_a_scripts_failure_is_told_as_the_toolkit_tells_it(folder):
    request = {"AlgorithmSpecification": {"TrainingImage": PYTORCH}}
    reason = failure_reason(request, folder, ["python", "-u", "/opt/ml/code/train.py"], 3, "last")
    assert reason.startswith("AlgorithmError: ExecuteUserScriptError:\nExitCode 3")


def test_a_model_of_awss_algorithm_is_served_by_the_stand_ins_code(services, tmp_path):
    environment = serving_environment(
        services,
        tmp_path / "model",
        {**MODEL, "Image": BUILTIN, "Environment": {"SAGEMAKER_PROGRAM": "mine.py"}},
        {"PYTHONPATH": "/elsewhere"},
    )
    assert environment["SAGEMAKER_PROGRAM"] == "serve.py"
    assert environment["PYTHONPATH"] == str(ROOT)
    assert int(environment["TS_MAX_REQUEST_SIZE"]) >= 100 * 1024**2
    assert (tmp_path / "model" / "code" / "serve.py").is_file()
    assert (tmp_path / "model" / "code" / "inference.py").is_file()


def test_another_model_keeps_its_own_code(services, tmp_path):
    environment = serving_environment(services, tmp_path / "model", {**MODEL, "Image": PYTORCH}, {})
    assert "SAGEMAKER_PROGRAM" not in environment
    assert not (tmp_path / "model" / "code").exists()
