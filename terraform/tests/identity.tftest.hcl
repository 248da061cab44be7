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
    endpoint         = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/model"
    rollback_alarms  = ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:rollback"]
    function = {
      serialize = "arn:aws:lambda:us-east-1:123456789012:function:serialize"
      infer     = "arn:aws:lambda:us-east-1:123456789012:function:infer"
      filter    = "arn:aws:lambda:us-east-1:123456789012:function:filter"
    }
    function_logs = {
      serialize = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/serialize"
      infer     = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/infer"
      filter    = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/filter"
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
    condition     = toset(keys(aws_iam_role.this)) == toset(["serialize", "infer", "filter", "workflow", "events", "sagemaker"])
    error_message = "There must be one role for each of the six parts, and no other."
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
      for name, role in aws_iam_role.this : name => try(jsondecode(role.assume_role_policy).Statement[0].Condition.ArnLike["aws:SourceArn"], null)
      } == {
      serialize = null
      infer     = null
      filter    = null
      workflow  = "arn:aws:states:us-east-1:123456789012:stateMachine:classify"
      events    = "arn:aws:events:us-east-1:123456789012:rule/uploads"
      sagemaker = "arn:aws:sagemaker:us-east-1:123456789012:*"
    }
    error_message = "Where the service names its source, the trust policy must demand it."
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
      "cloudwatch:PutMetricData",
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
}
