"""The picture of the architecture: who does what with what."""

import json

import pytest

from scripts.cost.estimate import Resource
from scripts.documents import picture

UPLOADS = "arn:aws:s3:::scones-test-uploads-123456789012"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:scones-test-failures"
TOPIC = "arn:aws:sns:us-east-1:123456789012:scones-test-alarms"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:scones-test-serialize"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:scones-test-{}"


def resource(kind: str, **values) -> Resource:
    return Resource(kind, f"{kind}.this", values)


def role(name: str) -> str:
    return f"arn:aws:iam::123456789012:role/scones-test-{name}"


def granted(name: str, **statements) -> list[Resource]:
    """A role, and its statements: actions and resources by Sid."""
    policy = {
        "Statement": [
            {"Sid": sid, "Action": actions, "Resource": resources}
            for sid, (actions, resources) in statements.items()
        ]
    }
    return [
        resource("aws_iam_role", name=f"scones-test-{name}", arn=role(name)),
        resource("aws_iam_role_policy", role=f"scones-test-{name}", policy=json.dumps(policy)),
    ]


TABLE = resource("aws_dynamodb_table", name="scones-test-decisions", arn="arn:table")
BUCKET = resource("aws_s3_bucket", bucket="scones-test-uploads-123456789012", arn=UPLOADS)
SERIALIZE = resource(
    "aws_lambda_function",
    function_name="scones-test-serialize",
    arn=FUNCTION,
    role=role("serialize"),
)


def machine(name: str) -> Resource:
    arn = MACHINE.format(name)
    return resource(
        "aws_sfn_state_machine", name=f"scones-test-{name}", arn=arn, role_arn=role(name)
    )


def test_a_statement_is_an_arrow_in_the_words_of_its_sid() -> None:
    reads = granted("serialize", ReadUploads=(["s3:GetObject"], [f"{UPLOADS}/incoming/*"]))
    drawn = picture.mermaid([TABLE, BUCKET, SERIALIZE, *reads])
    assert '  serialize["serialize"]:::function' in drawn
    assert '  uploads[("uploads")]:::store' in drawn
    assert '  serialize -->|"read uploads"| uploads' in drawn
    assert "decisions" not in drawn  # nothing is done with it


def test_what_every_part_may_do_is_left_out() -> None:
    logs = granted("serialize", WriteLogs=(["logs:PutLogEvents"], ["*"]))
    assert "-->" not in picture.mermaid([TABLE, SERIALIZE, *logs])


def test_the_order_of_resources_does_not_matter() -> None:
    reads = granted(
        "serialize", Read=(["s3:GetObject"], [f"{UPLOADS}/*"]), See=(["s3:ListBucket"], [UPLOADS])
    )
    some = [TABLE, BUCKET, SERIALIZE, *reads]
    assert picture.mermaid(some) == picture.mermaid(some[::-1])
    assert '|"read<br>see"|' in picture.mermaid(some)


def test_a_rule_sends_events_on_and_what_cannot_be_delivered_aside() -> None:
    drawn = picture.mermaid(
        [
            TABLE,
            BUCKET,
            machine("classify"),
            resource("aws_sqs_queue", name="scones-test-failures", arn=QUEUE),
            resource(
                "aws_s3_bucket_notification",
                bucket="scones-test-uploads-123456789012",
                eventbridge=True,
            ),
            resource(
                "aws_cloudwatch_event_rule",
                name="uploads",
                event_pattern='{"detail-type": ["Object Created"]}',
            ),
            resource(
                "aws_cloudwatch_event_target",
                rule="uploads",
                arn=MACHINE.format("classify"),
                dead_letter_config=[{"arn": QUEUE}],
            ),
        ]
    )
    assert '  uploads -->|"every object"| eventbridge' in drawn
    assert '  eventbridge -->|"Object Created"| classify' in drawn
    assert '  eventbridge -->|"what cannot be delivered"| failures' in drawn


def test_a_batch_takes_the_same_steps_and_they_are_drawn_once() -> None:
    steps = {"RunSteps": (["lambda:InvokeFunction"], [f"{FUNCTION}:*"])}
    drawn = picture.mermaid(
        [
            *(TABLE, SERIALIZE, machine("classify"), machine("batch")),
            *granted("classify", **steps),
            *granted("batch", **steps),
        ]
    )
    assert '  classify -->|"run steps"| serialize' in drawn
    assert '  batch -->|"the same steps for each"| classify' in drawn
    assert 'batch -->|"run steps"' not in drawn


def test_alarms_are_counted_by_what_they_watch() -> None:
    alarms = [
        resource(
            "aws_cloudwatch_metric_alarm",
            dimensions={"FunctionName": "scones-test-serialize"},
            alarm_actions=[TOPIC],
        )
        for _ in range(2)
    ]
    topic = resource("aws_sns_topic", name="scones-test-alarms", arn=TOPIC)
    drawn = picture.mermaid([TABLE, SERIALIZE, topic, *alarms])
    assert '  serialize -->|"2 alarms"| cloudwatch' in drawn
    assert '  cloudwatch -->|"every alarm"| alarms' in drawn


def test_a_page_keeps_all_but_its_picture() -> None:
    page = "# A\n\n```mermaid\nold\n```\n\nMore.\n"
    assert picture.within(page, "new\n") == "# A\n\n```mermaid\nnew\n```\n\nMore.\n"
    with pytest.raises(ValueError, match="no picture"):
        picture.within("# A\n", "new\n")
