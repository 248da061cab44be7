"""What the emulator is taught that Terraform and the workflow depend on."""

import io
import json
import urllib.parse
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from scripts.provisioning.package import LOCAL_BOOTSTRAP

BURST = 48  # calls of half a second: four at once take six seconds
MACHINE = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}


@pytest.fixture(scope="module")
def inbox(cloud):
    """A queue that gets every event of a versioned bucket called `uploads`."""
    s3, events, sqs = (cloud.client(name) for name in ("s3", "events", "sqs"))
    s3.create_bucket(Bucket="uploads")
    s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_notification_configuration(
        Bucket="uploads", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    url = sqs.create_queue(QueueName="inbox")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    pattern = json.dumps({"source": ["aws.s3"], "detail-type": ["Object Created"]})
    events.put_rule(Name="uploads", EventPattern=pattern)
    events.put_targets(Rule="uploads", Targets=[{"Id": "1", "Arn": arn}])
    return url


def receive(cloud, inbox):
    messages = cloud.wait_for(
        lambda: cloud.client("sqs").receive_message(QueueUrl=inbox).get("Messages")
    )
    return json.loads(messages[0]["Body"])["detail"]["object"]


def test_the_event_of_an_upload_says_which_version_it_is_about(cloud, inbox):
    for body in (b"first", b"second"):
        version = cloud.client("s3").put_object(Bucket="uploads", Key="a b+%ü.png", Body=body)[
            "VersionId"
        ]
        event = receive(cloud, inbox)
        assert (event["key"], event["version-id"]) == ("a b+%ü.png", version)


def test_a_state_machine_remembers_its_tracing(cloud):
    machines = cloud.client("stepfunctions")
    arn = machines.create_state_machine(
        name="traced",
        definition=json.dumps(MACHINE),
        roleArn="arn:aws:iam::000000000000:role/states",
        tracingConfiguration={"enabled": True},
    )["stateMachineArn"]
    assert machines.describe_state_machine(stateMachineArn=arn)["tracingConfiguration"]["enabled"]
    machines.update_state_machine(
        stateMachineArn=arn, tracingConfiguration={"enabled": False}, definition=json.dumps(MACHINE)
    )
    found = machines.describe_state_machine(stateMachineArn=arn)
    assert not found["tracingConfiguration"]["enabled"]


def test_an_alarm_is_described_in_full_by_the_query_protocol_too(cloud):
    cloud.client("cloudwatch").put_metric_alarm(
        AlarmName="slow",
        AlarmDescription="p99 < 1 s & more",
        MetricName="ModelLatency",
        Namespace="AWS/SageMaker",
        ExtendedStatistic="p99",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1_000_000,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    query = {"Action": "DescribeAlarms", "Version": "2010-08-01", "AlarmNames.member.1": "slow"}
    request = urllib.request.Request(
        cloud.endpoints["AWS_ENDPOINT_URL"],
        data=urllib.parse.urlencode(query).encode(),
        headers={
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": "AWS4-HMAC-SHA256 "
            "Credential=test/20260101/us-east-1/monitoring/aws4_request",
        },
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read().decode()
    assert "<AlarmDescription>p99 &lt; 1 s &amp; more</AlarmDescription>" in text
    assert "<ExtendedStatistic>p99</ExtendedStatistic>" in text
    assert "<TreatMissingData>notBreaching</TreatMissingData>" in text
    assert "<Statistic>" not in text


@pytest.fixture
def function(cloud):
    """A function that takes half a second."""
    files = {
        "bootstrap": LOCAL_BOOTSTRAP,
        "slow.py": "import time\ndef handler(event, context):\n    time.sleep(0.5)\n",
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for name, text in files.items():
            package.writestr(zipfile.ZipInfo(name), text)
            package.infolist()[-1].external_attr = 0o755 << 16
    return cloud.client("lambda").create_function(
        FunctionName="slow",
        Runtime="provided.al2023",
        Handler="slow.handler",
        Role="arn:aws:iam::000000000000:role/function",
        Code={"ZipFile": out.getvalue()},
    )["FunctionArn"]


def test_a_state_that_waits_for_its_function_to_be_free_does_not_time_out(cloud, function):
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function},
        "TimeoutSeconds": 4,
        "End": True,
    }
    definition = {"QueryLanguage": "JSONata", "StartAt": "Slow", "States": {"Slow": state}}
    machines = cloud.client("stepfunctions")
    arn = machines.create_state_machine(
        name="burst",
        type="EXPRESS",
        definition=json.dumps(definition),
        roleArn="arn:aws:iam::000000000000:role/states",
    )["stateMachineArn"]

    def execute(_):
        return machines.start_sync_execution(stateMachineArn=arn)["status"]

    with ThreadPoolExecutor(BURST) as pool:
        assert set(pool.map(execute, range(BURST))) == {"SUCCEEDED"}
