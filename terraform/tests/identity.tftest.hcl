# Who may assume each role, and what each may do.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  prefix     = "scones-test"
  region     = "us-east-1"
  account_id = "123456789012"
  arns = {
    uploads_bucket   = "arn:aws:s3:::uploads"
    artifacts_bucket = "arn:aws:s3:::artifacts"
    decisions_table  = "arn:aws:dynamodb:us-east-1:123456789012:table/decisions"
    review_queue     = "arn:aws:sqs:us-east-1:123456789012:review"
    failures_queue   = "arn:aws:sqs:us-east-1:123456789012:failures"
    upload_rule      = "arn:aws:events:us-east-1:123456789012:rule/uploads"
    event_bus        = "arn:aws:events:us-east-1:123456789012:event-bus/default"
    state_machine    = "arn:aws:states:us-east-1:123456789012:stateMachine:classify"
    batch            = "arn:aws:states:us-east-1:123456789012:stateMachine:batch"
    batch_runs       = "arn:aws:states:us-east-1:123456789012:execution:batch"
    batch_children   = "arn:aws:states:us-east-1:123456789012:express:batch"
    failure_report   = "arn:aws:states:us-east-1:123456789012:stateMachine:failure-report"
    failures_rule    = "arn:aws:events:us-east-1:123456789012:rule/failures"
    alarm_topic      = "arn:aws:sns:us-east-1:123456789012:alarms"
    endpoint         = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/model"
    rollback_alarms  = ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:rollback"]
    function = {
      serialize = "arn:aws:lambda:us-east-1:123456789012:function:serialize"
      infer     = "arn:aws:lambda:us-east-1:123456789012:function:infer"
      filter    = "arn:aws:lambda:us-east-1:123456789012:function:filter"
      monitor   = "arn:aws:lambda:us-east-1:123456789012:function:monitor"
    }
    function_logs = {
      serialize = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/serialize"
      infer     = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/infer"
      filter    = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/filter"
      monitor   = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/monitor"
    }
  }
  upload_prefixes      = ["incoming/", "adhoc/"]
  permissions_boundary = "arn:aws:iam::123456789012:policy/boundary"
}

run "every_role_is_bounded_and_trusts_one_service_on_behalf_of_this_account_alone" {
  command = plan

  module {
    source = "./modules/identity"
  }

  assert {
    condition     = toset(keys(aws_iam_role.this)) == toset(["serialize", "infer", "filter", "monitor", "workflow", "batch", "reporter", "events", "sagemaker"])
    error_message = "There must be one role for each of the nine parts, and no other."
  }

  assert {
    condition     = alltrue([for role in aws_iam_role.this : role.permissions_boundary == "arn:aws:iam::123456789012:policy/boundary"])
    error_message = "The permissions boundary must reach every role."
  }

  assert {
    condition = alltrue([
      for role in aws_iam_role.this : alltrue([
        for statement in jsondecode(role.assume_role_policy).Statement :
        statement.Condition.StringEquals == { "aws:SourceAccount" = "123456789012" } && keys(statement.Principal) == ["Service"]
      ])
    ])
    error_message = "Every trust policy must carry aws:SourceAccount and name a service."
  }

  assert {
    condition = {
      for name, role in aws_iam_role.this : name => try(one(jsondecode(role.assume_role_policy).Statement).Condition.ArnLike["aws:SourceArn"], [])
      } == {
      serialize = ["arn:aws:lambda:us-east-1:123456789012:function:serialize", "arn:aws:lambda:us-east-1:123456789012:function:serialize:*"]
      infer     = ["arn:aws:lambda:us-east-1:123456789012:function:infer", "arn:aws:lambda:us-east-1:123456789012:function:infer:*"]
      filter    = ["arn:aws:lambda:us-east-1:123456789012:function:filter", "arn:aws:lambda:us-east-1:123456789012:function:filter:*"]
      monitor   = ["arn:aws:lambda:us-east-1:123456789012:function:monitor", "arn:aws:lambda:us-east-1:123456789012:function:monitor:*"]
      workflow  = ["arn:aws:states:us-east-1:123456789012:stateMachine:classify"]
      batch     = []
      reporter  = ["arn:aws:states:us-east-1:123456789012:stateMachine:failure-report"]
      events    = ["arn:aws:events:us-east-1:123456789012:rule/uploads", "arn:aws:events:us-east-1:123456789012:rule/failures"]
      sagemaker = ["arn:aws:sagemaker:us-east-1:123456789012:*"]
    }
    error_message = "Each role must be assumed for nothing but what it is for."
  }
}

run "permissions_name_their_actions_and_their_resources" {
  command = plan

  module {
    source = "./modules/identity"
  }

  assert {
    condition = alltrue(flatten([
      for policy in aws_iam_role_policy.this : [
        for statement in jsondecode(policy.policy).Statement : [for action in statement.Action : !strcontains(action, "*")]
      ]
    ]))
    error_message = "No action may hold a wildcard."
  }

  # The actions that AWS offers no resources for.
  assert {
    condition = toset(flatten([
      for policy in aws_iam_role_policy.this : [
        for statement in jsondecode(policy.policy).Statement : statement.Action if contains(statement.Resource, "*")
      ]
      ])) == toset([
      "cloudwatch:GetMetricData", "cloudwatch:PutMetricData",
      "ecr:GetAuthorizationToken",
      "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:ListLogDeliveries",
      "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:PutResourcePolicy",
      "xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets",
    ])
    error_message = "Only actions without resources may be granted on everything."
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(aws_iam_role_policy.this["serialize"].policy).Statement : statement.Resource
      if length([for action in statement.Action : action if startswith(action, "s3:GetObject")]) > 0
    ])) == toset(["arn:aws:s3:::uploads/incoming/*", "arn:aws:s3:::uploads/adhoc/*"])
    error_message = "serialize must read the two upload folders and nothing else."
  }

  assert {
    condition = flatten([
      for statement in jsondecode(aws_iam_role_policy.this["infer"].policy).Statement : statement.Resource if contains(statement.Action, "sagemaker:InvokeEndpoint")
    ]) == ["arn:aws:sagemaker:us-east-1:123456789012:endpoint/model"]
    error_message = "infer must invoke this endpoint and no other."
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(aws_iam_role_policy.this["sagemaker"].policy).Statement : statement.Resource if contains(statement.Action, "s3:PutObject")
    ])) == toset(["arn:aws:s3:::artifacts/models/*", "arn:aws:s3:::artifacts/captures/*", "arn:aws:s3:::artifacts/transforms/*"])
    error_message = "SageMaker must write models, captures and predictions, and never datasets or packages."
  }

  assert {
    condition = flatten([
      for statement in jsondecode(aws_iam_role_policy.this["sagemaker"].policy).Statement : statement.Resource if contains(statement.Action, "cloudwatch:DescribeAlarms")
    ]) == ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:rollback"]
    error_message = "SageMaker must read the alarms that roll an update back, and no others."
  }

  assert {
    condition = toset(flatten([
      for statement in jsondecode(aws_iam_role_policy.this["workflow"].policy).Statement : statement.Action if !contains(statement.Resource, "*")
    ])) == toset(["lambda:InvokeFunction", "dynamodb:PutItem", "dynamodb:UpdateItem", "sqs:SendMessage", "events:PutEvents"])
    error_message = "The workflow must be able to do what its steps do, and nothing more."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.this["workflow"].policy).Statement : statement.Condition if contains(statement.Action, "events:PutEvents")
    ] == [{ StringEquals = { "events:source" = "scones.classifier", "events:detail-type" = "VehicleClassified" } }]
    error_message = "The workflow must publish classifications and no other event."
  }

  assert {
    condition = flatten([
      for statement in jsondecode(aws_iam_role_policy.this["workflow"].policy).Statement : statement.Resource if contains(statement.Action, "lambda:InvokeFunction")
    ]) == [for name in ["serialize", "infer", "filter"] : "arn:aws:lambda:us-east-1:123456789012:function:${name}"]
    error_message = "The workflow must call its steps, and not the monitor."
  }

  assert {
    condition = {
      for statement in jsondecode(aws_iam_role_policy.this["monitor"].policy).Statement : statement.Sid => statement.Resource if length([for action in statement.Action : action if startswith(action, "s3:")]) > 0
      } == {
      ReadCaptures   = ["arn:aws:s3:::artifacts/captures/*", "arn:aws:s3:::artifacts/deployments/current.json"]
      KeepItsRecords = ["arn:aws:s3:::artifacts/monitoring/*"]
      FindFiles      = ["arn:aws:s3:::artifacts"]
    }
    error_message = "The monitor must read captures and what is deployed, keep its own records, and touch nothing else."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.this["monitor"].policy).Statement : statement.Condition if contains(statement.Action, "events:PutEvents") || contains(statement.Action, "s3:ListBucket")
      ] == [
      { StringLike = { "s3:prefix" = ["captures/*", "monitoring/*"] } },
      { StringEquals = { "events:source" = "scones.monitor", "events:detail-type" = "DriftDetected" } },
    ]
    error_message = "The monitor must list its two folders, and publish no event but its own."
  }
}

run "what_aws_demands_of_logs_and_traces_is_granted" {
  command = plan

  module {
    source = "./modules/identity"
  }

  assert {
    condition = alltrue([
      for role in ["workflow", "batch", "reporter"] : toset(flatten([
        for statement in jsondecode(aws_iam_role_policy.this[role].policy).Statement : statement.Action if contains(statement.Resource, "*")
        ])) == toset([
        "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:ListLogDeliveries",
        "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:PutResourcePolicy",
        "xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets",
      ])
    ])
    error_message = "A state machine with logs is refused unless its role may set up their delivery; without the other four there are no traces."
  }

  assert {
    condition = alltrue([
      for name in ["serialize", "infer", "filter", "monitor"] : {
        for statement in jsondecode(aws_iam_role_policy.this[name].policy).Statement : statement.Sid => [toset(statement.Action), statement.Resource] if contains(["WriteLogs", "Trace"], statement.Sid)
        } == {
        WriteLogs = [toset(["logs:CreateLogStream", "logs:PutLogEvents"]), ["arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/${name}:*"]]
        Trace     = [toset(["xray:PutTraceSegments", "xray:PutTelemetryRecords"]), ["*"]]
      }
    ])
    error_message = "A function must write to its own log group, and its traces."
  }
}

run "what_aws_demands_of_services_that_act_for_us_is_granted" {
  command = plan

  module {
    source = "./modules/identity"
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.this["events"].policy).Statement : [statement.Action, statement.Resource]
    ] == [[["states:StartExecution"], ["arn:aws:states:us-east-1:123456789012:stateMachine:classify", "arn:aws:states:us-east-1:123456789012:stateMachine:failure-report"]]]
    error_message = "EventBridge starts state machines by a role, which must name them."
  }

  assert {
    condition = [
      for statement in jsondecode(aws_iam_role_policy.this["serialize"].policy).Statement : statement.Resource if contains(statement.Action, "s3:ListBucket")
    ] == [["arn:aws:s3:::uploads"]]
    error_message = "Without s3:ListBucket a photograph that is gone looks like one that is forbidden."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_iam_role_policy.this["sagemaker"].policy).Statement :
      startswith(statement.Resource[0], "arn:aws:ecr:us-east-1:*:repository/") if contains(statement.Action, "ecr:BatchGetImage")
    ]) && contains(flatten([for statement in jsondecode(aws_iam_role_policy.this["sagemaker"].policy).Statement : statement.Action]), "ecr:GetAuthorizationToken")
    error_message = "SageMaker pulls AWS's images from an account of AWS's, and logs in to do so."
  }
}
