"""What a training job's output says."""

import pytest

from scripts.localcloud.training_output import OutputTail, failure_reason

COMMAND = ["/venv/bin/python", "-u", "/opt/ml/code/train.py", "--epochs", "1"]


def metrics(regex, *lines):
    tail = OutputTail([{"Name": "accuracy", "Regex": regex}])
    for line in lines:
        tail.add(line)
    return [(metric["MetricName"], metric["Value"]) for metric in tail.metrics()]


def test_the_last_value_of_a_metric_is_kept():
    assert metrics(r"acc=(\S+)", "acc=0.5", "nothing", "acc=0.75") == [("accuracy", 0.75)]


def test_a_metric_that_never_appears_is_left_out():
    assert metrics(r"acc=(\S+)", "loss=0.5") == []


@pytest.mark.parametrize("regex", [r"acc=(\w+)", r"acc=\w+", r"acc=\w+(\d)?"])
def test_what_is_no_number_is_no_metric(regex):
    assert metrics(regex, "acc=high") == []


def test_the_last_line_is_the_last_that_says_something():
    tail = OutputTail([])
    for line in ("first", "ValueError: no", "", "   "):
        tail.add(line)
    assert tail.last_line == "ValueError: no"


def test_a_failure_is_told_with_its_code_its_last_line_and_its_command(tmp_path):
    assert failure_reason(tmp_path, COMMAND, 1, "ValueError: no") == (
        "AlgorithmError: ExecuteUserScriptError:\n"
        "ExitCode 1\n"
        'ErrorMessage "ValueError: no"\n'
        'Command "python train.py --epochs 1", exit code: 1'
    )


def test_the_jobs_own_words_come_first(tmp_path):
    (tmp_path / "failure").write_text("too few pictures")
    reason = failure_reason(tmp_path, COMMAND, 3, "ignored")
    assert reason == "AlgorithmError: too few pictures, exit code: 3"
