"""The alarms that roll an update back: made by Terraform, fired by what they are there for.

Terraform makes them from the local environment's own file, together with the function that
publishes the decisions; SageMaker's metrics come from a model that really serves.
"""

import itertools
import json
import os
import re
import subprocess
import threading
from contextlib import contextmanager

import pytest
from python_terraform import IsFlagged

from scripts import environment as environments
from scripts.environment import DEFAULT_REGION, Environment, dummy_credentials
from scripts.provisioning import package, terraform
from scripts.provisioning.package import LOCAL_TARGET

PREFIX = "scones-local"
LIMIT_US = 250_000  # local.tfvars: 250 ms
# Two periods of 10 s, the rest of the one that is running, and room for a busy machine.
WITHIN_S = 90.0
PAUSE_S = 0.05
IMAGE = {"s3_bucket": "uploads", "s3_key": "incoming/a.png", "version_id": "v1"}


@pytest.fixture(scope="module")
def outputs(cloud, tmp_path_factory):
    """What Terraform says of the alarms, the topic and the function that it has made."""
    packages = tmp_path_factory.mktemp("packages")
    package.build(LOCAL_TARGET, packages)
    variables = {
        **os.environ,
        **dummy_credentials(DEFAULT_REGION),
        **cloud.endpoints,
        **environments.unproxied(cloud.endpoints, {}),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environments, "LOCAL_CLOUD", cloud.folder)
        workspace = terraform.open_workspace(
            Environment("local", DEFAULT_REGION, "scones", variables)
        )
    command = workspace.command(
        "apply",
        auto_approve=IsFlagged,
        input=False,
        no_color=IsFlagged,
        parallelism=terraform.PARALLELISM,
        var_file=workspace.var_files(None),
        var={"endpoint_name": PREFIX, "package_dir": str(packages)},
        target=["module.observability", 'module.functions[0].aws_lambda_function.this["filter"]'],
    )
    applied = subprocess.run(
        command, cwd=workspace.folder, env=workspace.variables, capture_output=True, text=True
    )
    assert applied.returncode == 0, applied.stderr
    return terraform.outputs(workspace)


class Traffic:
    """Requests to the endpoint, and decisions to make, one after the other for ever.

    Every other request asks the model for one of `moods`; each decision has `confidence`.
    """

    def __init__(self, cloud):
        self.moods, self.confidence = ["hello"], 0.97
        self._cloud = cloud
        self._stopping = threading.Event()

    @contextmanager
    def running(self):
        threads = [threading.Thread(target=work) for work in (self._ask, self._decide)]
        for thread in threads:
            thread.start()
        yield self
        self._stopping.set()
        for thread in threads:
            thread.join()

    def _ask(self):
        runtime = self._cloud.client("sagemaker-runtime")
        for number in itertools.count():
            if self._stopping.wait(PAUSE_S):
                return
            text = self.moods[number // 2 % len(self.moods)] if number % 2 else "hello"
            try:
                runtime.invoke_endpoint(
                    EndpointName=PREFIX, Body=text.encode(), ContentType="text/plain"
                )
            except runtime.exceptions.ModelError:
                continue

    def _decide(self):
        functions = self._cloud.client("lambda")
        while not self._stopping.wait(PAUSE_S):
            scores = {"bicycle": self.confidence, "motorcycle": 1 - self.confidence}
            answer = functions.invoke(
                FunctionName=f"{PREFIX}-filter",
                Payload=json.dumps({"image": IMAGE, "scores": scores, "variant": "AllTraffic"}),
            )
            assert "FunctionError" not in answer, answer["Payload"].read()


@pytest.fixture(scope="module")
def inbox(cloud, outputs):
    """A queue that is told what the alarms' topic is told."""
    sqs, topic = cloud.client("sqs"), outputs["alarm_topic_arn"]
    url = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    return url


@pytest.fixture(scope="module")
def traffic(cloud, outputs, inbox):
    """Traffic of an endpoint whose model does as it is asked."""
    config = cloud.create_config(cloud.create_model("first"))
    cloud.sagemaker.create_endpoint(EndpointName=PREFIX, EndpointConfigName=config)
    cloud.end_of_change(PREFIX)
    with Traffic(cloud).running() as running:
        yield running
    cloud.delete_endpoint(PREFIX)


def alarms(cloud, outputs):
    found = cloud.client("cloudwatch").describe_alarms(AlarmNames=outputs["rollback_alarm_names"])
    return {
        alarm["AlarmName"].removeprefix(f"{PREFIX}-rollback-"): alarm
        for alarm in found["MetricAlarms"]
    }


def firing(cloud, outputs):
    """The names of those in ALARM, after the prefix."""
    return {
        name for name, alarm in alarms(cloud, outputs).items() if alarm["StateValue"] == "ALARM"
    }


def test_terraform_makes_four_of_them_which_look_every_ten_seconds(cloud, outputs):
    found = alarms(cloud, outputs)
    assert set(found) == {"5xx-rate", "4xx-rate", "latency-p99", "low-confidence-rate"}
    assert {alarm["Period"] for alarm in found.values()} == {10}
    assert found["latency-p99"]["Threshold"] == LIMIT_US


@pytest.mark.parametrize(
    ("moods", "confidence", "expected"),
    [
        (["fail"], 0.6, {"5xx-rate", "low-confidence-rate"}),
        (["refuse", "sleep 0.4"], 0.97, {"4xx-rate", "latency-p99"}),
        (["hello"], 0.97, set()),
    ],
)
def test_each_fires_for_its_own_cause_and_goes_back_when_that_is_over(
    cloud, outputs, traffic, moods, confidence, expected
):
    traffic.moods, traffic.confidence = moods, confidence
    cloud.wait_for(lambda: firing(cloud, outputs), lambda seen: seen == expected, within_s=WITHIN_S)


def test_the_latency_limit_is_in_the_unit_of_the_metric(cloud, outputs, traffic):
    history = cloud.client("cloudwatch").describe_alarm_history(
        AlarmName=f"{PREFIX}-rollback-latency-p99", HistoryItemType="StateUpdate"
    )["AlarmHistoryItems"]
    changes = [json.loads(item["HistoryData"])["newState"] for item in history]
    slow, quick = (
        next(change for change in changes if found(change))
        for found in (
            lambda change: change["stateValue"] == "ALARM",
            lambda change: change["stateValue"] == "OK" and "(250000)" in change["stateReason"],
        )
    )
    # A model that answers in 400 ms, and one that answers in a few.
    assert float(re.search(r"\[([0-9.]+)", slow["stateReason"])[1]) >= 400_000
    assert float(re.search(r"\[([0-9.]+)", quick["stateReason"])[1]) < LIMIT_US


def test_people_are_told_of_low_confidence_and_of_the_rest_by_the_endpoints_own_alarms(
    cloud, outputs, inbox, traffic
):
    told = []

    def read():
        answer = cloud.client("sqs").receive_message(QueueUrl=inbox, MaxNumberOfMessages=10)
        for message in answer.get("Messages", []):
            alarm = json.loads(json.loads(message["Body"])["Message"])
            told.append((alarm["AlarmName"], alarm["NewStateValue"]))
        return told

    low = f"{PREFIX}-rollback-low-confidence-rate"
    cloud.wait_for(read, lambda seen: {(low, "ALARM"), (low, "OK")} <= set(seen))
    assert {name for name, _ in told if name.startswith(f"{PREFIX}-rollback")} == {low}
