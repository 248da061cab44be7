"""What somebody who has taken a role over would try, and must not be able to do."""

from __future__ import annotations

from tests.integration.security.conftest import PREFIX
from tests.integration.security.names import (
    ALARMS,
    ARTIFACTS,
    BUS,
    CHILD,
    FAILURES,
    HERE,
    KEY,
    MACHINE,
    MODEL,
    REVIEW,
    RULE,
    RUN,
    STRANGERS,
    TABLE,
    TOPIC,
    UPLOADS,
    USER,
    drift,
    event,
    function,
    log_stream,
    namespace,
    prefix,
    role_arn,
)

Question = tuple[str, str, str, dict[str, str]]  # action, resource, why, context

# What an intruder would try from any role. Where a role needs one of these, it is in its own table.
FORBIDDEN_TO_ALL: list[tuple[str, str, str]] = [
    # More rights.
    *(("iam:PassRole", role_arn(role), "pass a role on") for role in ("workflow", "sagemaker")),
    *(("sts:AssumeRole", role_arn(role), "become a role") for role in ("workflow", "sagemaker")),
    ("iam:CreateUser", USER, "make a user"),
    ("iam:CreateAccessKey", USER, "make a key"),
    ("iam:PutRolePolicy", role_arn("filter"), "write a policy"),
    ("iam:AttachRolePolicy", role_arn("filter"), "attach a policy"),
    ("iam:UpdateAssumeRolePolicy", role_arn("filter"), "let others in"),
    ("iam:DeleteRolePermissionsBoundary", role_arn("filter"), "lift the boundary"),
    # Other code.
    *(
        (f"lambda:{action}", function("infer"), "change a function")
        for action in ("UpdateFunctionCode", "UpdateFunctionConfiguration", "AddPermission")
    ),
    ("lambda:GetFunction", function("infer"), "read a function's code and settings"),
    ("states:UpdateStateMachine", MACHINE, "change the workflow"),
    ("states:StartExecution", f"{MACHINE}-2", "start another workflow"),
    ("states:StopExecution", f"{MACHINE}:x".replace("stateMachine", "execution"), "stop it"),
    ("sagemaker:UpdateEndpoint", MODEL, "serve another model"),
    ("sagemaker:DeleteEndpoint", MODEL, "take the model away"),
    ("sagemaker:CreateTrainingJob", f"arn:aws:sagemaker:{HERE}:training-job/x", "use machines"),
    ("sagemaker:InvokeEndpoint", f"{MODEL}-2", "ask another model"),
    # Data, in and out.
    ("s3:GetObject", f"{STRANGERS}/incoming/a.jpg", "read another bucket"),
    ("s3:PutObject", f"{STRANGERS}/a", "carry data away"),
    ("s3:ListBucket", STRANGERS, "look into another bucket"),
    ("s3:PutObject", f"{UPLOADS}/incoming/a.jpg", "forge an upload"),
    ("s3:GetObject", f"{UPLOADS}/other/a.jpg", "read what is no upload"),
    ("s3:GetObject", f"{ARTIFACTS}/captures/a.jsonl", "read captured pictures"),
    ("s3:GetObject", f"{ARTIFACTS}/packages/infer.zip", "read the packages"),
    *(
        ("s3:PutObject", f"{ARTIFACTS}/{folder}/x", "change what is trusted")
        for folder in ("datasets", "training", "packages", "deployments")
    ),
    *(
        (f"s3:{action}", thing, "destroy evidence")
        for action in ("DeleteObject", "DeleteObjectVersion")
        for thing in (
            f"{UPLOADS}/incoming/a.jpg",
            f"{ARTIFACTS}/captures/a.jsonl",
            f"{ARTIFACTS}/models/m/model.tar.gz",
        )
    ),
    *(
        (f"s3:{action}", bucket, "weaken a bucket")
        for action in (
            "PutBucketPolicy",
            "DeleteBucketPolicy",
            "PutBucketPublicAccessBlock",
            "PutEncryptionConfiguration",
            "PutLifecycleConfiguration",
            "PutBucketVersioning",
            "DeleteBucket",
        )
        for bucket in (UPLOADS, ARTIFACTS)
    ),
    *(
        (f"dynamodb:{action}", TABLE, "read, forge or erase decisions")
        for action in ("GetItem", "Query", "Scan", "PutItem", "UpdateItem", "DeleteItem")
    ),
    ("dynamodb:DeleteTable", TABLE, "erase every decision"),
    ("dynamodb:PutItem", f"{TABLE}-2", "write another table"),
    *(
        (f"sqs:{action}", queue, "read, forge or empty a queue")
        for action in ("ReceiveMessage", "DeleteMessage", "PurgeQueue", "SendMessage")
        for queue in (REVIEW, FAILURES)
    ),
    ("sqs:SetQueueAttributes", FAILURES, "open a queue"),
    ("kms:ScheduleKeyDeletion", KEY, "make everything unreadable"),
    ("kms:DisableKey", KEY, "make everything unreadable"),
    ("kms:PutKeyPolicy", KEY, "take the key over"),
    # Silence.
    *(
        (f"cloudwatch:{action}", ALARMS[0], "silence an alarm")
        for action in ("DisableAlarmActions", "DeleteAlarms", "PutMetricAlarm", "SetAlarmState")
    ),
    *(
        (f"events:{action}", RULE, "cut uploads off, or divert them")
        for action in ("DisableRule", "DeleteRule", "PutTargets", "RemoveTargets")
    ),
    ("sns:Unsubscribe", TOPIC, "silence the topic"),
    ("sns:Subscribe", TOPIC, "listen to the topic"),
    ("sns:Publish", TOPIC, "cry wolf"),
    ("logs:DeleteLogGroup", log_stream(f"/aws/lambda/{PREFIX}-infer"), "destroy evidence"),
    ("logs:GetLogEvents", log_stream(f"/aws/lambda/{PREFIX}-infer"), "read logs"),
    ("logs:PutLogEvents", log_stream("/aws/lambda/another"), "write another's log"),
    ("cloudtrail:StopLogging", f"arn:aws:cloudtrail:{HERE}:trail/main", "destroy evidence"),
]

# What would be tried from one role in particular, since it may do something like it.
FORBIDDEN: dict[str, list[Question]] = {
    "serialize": [
        *(
            ("s3:GetObject", f"{ARTIFACTS}/{folder}/x", "read another prefix", {})
            for folder in ("datasets", "training", "models", "transforms", "deployments")
        ),
        ("s3:GetObject", f"{UPLOADS}/incoming", "read a key beside the folder", {}),
        ("s3:GetObject", f"{UPLOADS}-2/incoming/a.jpg", "read a bucket of a longer name", {}),
        ("s3:ListBucketVersions", UPLOADS, "list every version", {}),
        ("s3:ListBucket", ARTIFACTS, "list the artefacts", {}),
        ("sagemaker:InvokeEndpoint", MODEL, "ask the model", {}),
        ("events:PutEvents", BUS, "publish a decision", event()),
        ("logs:PutLogEvents", log_stream(f"/aws/lambda/{PREFIX}-infer"), "another's log", {}),
    ],
    "infer": [
        ("s3:GetObject", f"{UPLOADS}/incoming/a.jpg", "read uploads", {}),
        ("sagemaker:InvokeEndpointAsync", MODEL, "have a file of another bucket answered", {}),
        ("events:PutEvents", BUS, "publish a decision", event()),
        ("logs:PutLogEvents", log_stream(f"/aws/lambda/{PREFIX}-filter"), "another's log", {}),
    ],
    "filter": [
        ("s3:GetObject", f"{UPLOADS}/incoming/a.jpg", "read uploads", {}),
        ("sagemaker:InvokeEndpoint", MODEL, "ask the model", {}),
        ("events:PutEvents", BUS, "publish a decision", event()),
        ("cloudwatch:PutMetricData", "*", "hide low confidence", namespace("scones")),
    ],
    "monitor": [
        *(
            ("s3:GetObject", f"{ARTIFACTS}/{folder}/x", "read another prefix", {})
            for folder in ("datasets", "training", "models", "transforms", "deployments/history")
        ),
        ("s3:GetObjectVersion", f"{ARTIFACTS}/captures/a.jsonl", "read what was forgotten", {}),
        ("s3:GetObject", f"{UPLOADS}/incoming/a.jpg", "read uploads", {}),
        ("s3:PutObject", f"{ARTIFACTS}/captures/a.jsonl", "forge captured inferences", {}),
        ("s3:PutObject", f"{ARTIFACTS}/models/m/model.tar.gz", "replace a model", {}),
        ("s3:DeleteObject", f"{ARTIFACTS}/monitoring/state.json", "hide what it has seen", {}),
        ("s3:ListBucket", ARTIFACTS, "list everything", {}),
        ("s3:ListBucket", ARTIFACTS, "list the models", prefix("models/")),
        ("s3:ListBucket", UPLOADS, "list uploads", prefix("incoming/")),
        ("cloudwatch:PutMetricData", "*", "hide drift", namespace("scones")),
        ("events:PutEvents", BUS, "publish a decision", event()),
        ("events:PutEvents", BUS, "pretend to be another source", drift(source="aws.s3")),
        ("events:PutEvents", BUS, "publish another type", drift(kind="VehicleClassified")),
        ("events:PutEvents", f"{BUS}-2", "publish on another bus", drift()),
        ("sagemaker:InvokeEndpoint", MODEL, "ask the model", {}),
        ("logs:PutLogEvents", log_stream(f"/aws/lambda/{PREFIX}-infer"), "another's log", {}),
    ],
    "workflow": [
        ("events:PutEvents", BUS, "pretend to be another source", event(source="aws.s3")),
        ("events:PutEvents", BUS, "publish another type", event(kind="OrderCancelled")),
        ("events:PutEvents", BUS, "publish without a type", {"events:source": "scones.classifier"}),
        ("events:PutEvents", f"{BUS}-2", "publish on another bus", event()),
        ("lambda:InvokeFunction", function("another"), "call another function", {}),
        ("lambda:InvokeFunction", function("monitor"), "run the monitor", {}),
        ("lambda:InvokeFunction", f"{function('infer')}:1", "call an old version", {}),
        ("sqs:SendMessage", f"{REVIEW}-2", "write another queue", {}),
        ("s3:GetObject", f"{UPLOADS}/incoming/a.jpg", "read uploads", {}),
        ("states:StartExecution", MACHINE, "start itself for ever", {}),
    ],
    "batch": [
        ("states:StartExecution", MACHINE, "start the workflow for single uploads", {}),
        ("states:DescribeExecution", CHILD.replace("-batch", "-classify"), "follow others", {}),
        ("s3:GetObject", f"{UPLOADS}/incoming/a.jpg", "read uploads", {}),
        ("states:StopExecution", RUN.replace("-batch", "-other"), "stop others", {}),
        ("s3:GetObject", f"{ARTIFACTS}/models/a.tar.gz", "read models", {}),
        ("sqs:SendMessage", f"{REVIEW}-2", "write another queue", {}),
        ("events:PutEvents", BUS, "publish another type", event(kind="OrderCancelled")),
        ("lambda:InvokeFunction", function("monitor"), "run the monitor", {}),
    ],
    "reporter": [
        ("sqs:ReceiveMessage", f"{FAILURES}-2", "read another queue", {}),
        ("sqs:ChangeMessageVisibility", FAILURES, "keep failures from being redriven", {}),
        ("sns:Publish", f"{TOPIC}-2", "tell others", {}),
        ("lambda:InvokeFunction", function("infer"), "call a function", {}),
        ("s3:GetObject", f"{UPLOADS}/incoming/a.jpg", "read uploads", {}),
        ("events:PutEvents", BUS, "publish a decision", event()),
        ("states:StartExecution", MACHINE, "start the workflow", {}),
    ],
    "events": [
        ("states:StartSyncExecution", MACHINE, "read what an execution answers", {}),
        ("lambda:InvokeFunction", function("infer"), "call a function", {}),
        ("s3:GetObject", f"{UPLOADS}/incoming/a.jpg", "read uploads", {}),
        ("events:PutEvents", BUS, "publish a decision", event()),
    ],
    "sagemaker": [
        ("s3:GetObject", f"{UPLOADS}/incoming/a.jpg", "read uploads", {}),
        ("s3:GetObject", f"{ARTIFACTS}/deployments/current.json", "read deployments", {}),
        ("s3:ListBucket", UPLOADS, "list uploads", prefix("incoming/")),
        ("s3:ListBucket", ARTIFACTS, "list everything", {}),
        ("s3:ListBucket", ARTIFACTS, "list everything", prefix("")),
        ("s3:ListBucket", ARTIFACTS, "list deployments", prefix("deployments/")),
        ("cloudwatch:PutMetricData", "*", "hide low confidence", namespace("scones")),
        ("cloudwatch:PutMetricData", "*", "publish without a namespace", {}),
        ("cloudwatch:DescribeAlarms", f"{ALARMS[0]}-2", "read other alarms", {}),
        ("logs:PutLogEvents", log_stream(f"/aws/lambda/{PREFIX}-infer"), "another's log", {}),
        (
            "ecr:BatchGetImage",
            "arn:aws:ecr:us-east-1:763104351884:repository/another",
            "run another image",
            {},
        ),
        (
            "ecr:PutImage",
            "arn:aws:ecr:us-east-1:000000000000:repository/pytorch-inference",
            "replace an image",
            {},
        ),
        ("sagemaker:InvokeEndpoint", MODEL, "ask the model", {}),
        ("events:PutEvents", BUS, "publish a decision", event()),
    ],
}
