# The state machine, and the rule that starts it.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  prefix      = "scones-test"
  environment = "test"
  role_arns = {
    workflow = "arn:aws:iam::123456789012:role/workflow"
    batch    = "arn:aws:iam::123456789012:role/batch"
    reporter = "arn:aws:iam::123456789012:role/reporter"
    events   = "arn:aws:iam::123456789012:role/events"
  }
  functions = {
    serialize = { arn = "arn:aws:lambda:us-east-1:123456789012:function:serialize", timeout_s = 15 }
    infer     = { arn = "arn:aws:lambda:us-east-1:123456789012:function:infer", timeout_s = 12 }
    filter    = { arn = "arn:aws:lambda:us-east-1:123456789012:function:filter", timeout_s = 3 }
  }
  uploads_bucket          = "uploads"
  event_prefix            = "incoming/"
  artifacts_bucket        = "artifacts"
  batch_limits            = { concurrency = 50, tolerated_failures_percent = 3 }
  decisions_table         = "decisions"
  review_queue_url        = "https://sqs.us-east-1.amazonaws.com/123456789012/review"
  failures_queue_url      = "https://sqs.us-east-1.amazonaws.com/123456789012/failures"
  failures_queue_arn      = "arn:aws:sqs:us-east-1:123456789012:failures"
  failures_alarm_arn      = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:failures"
  alarm_topic_arn         = "arn:aws:sns:us-east-1:123456789012:alarms"
  decision_retention_days = 90
  log_retention_days      = 14
  key                     = { arn = "arn:aws:kms:us-east-1:123456789012:key/ours" }
}

run "an_execution_always_has_time_to_keep_its_input" {
  command = plan

  module {
    source = "./modules/workflow"
  }

  assert {
    condition     = aws_sfn_state_machine.classify.type == "EXPRESS" && jsondecode(aws_sfn_state_machine.classify.definition).TimeoutSeconds < 300
    error_message = "An Express execution ends at 300 s whatever it is doing: its own limit must come first."
  }

  assert {
    condition     = output.longest_run_s < jsondecode(aws_sfn_state_machine.classify.definition).TimeoutSeconds
    error_message = "All timeouts and retries together must fit into the limit."
  }

  assert {
    condition = alltrue([
      for name, state in jsondecode(aws_sfn_state_machine.classify.definition).States : alltrue([
        state.TimeoutSeconds > 0,
        reverse(state.Catch)[0].ErrorEquals == ["States.ALL"],
        # Once somebody was told, there is nothing to redo.
        reverse(state.Catch)[0].Next == lookup({ "Keep the input" = "Not kept", "Confirm delivery" = "Not confirmed" }, name, "Keep the input"),
      ]) if state.Type == "Task"
    ])
    error_message = "Every step needs a timeout, and every error must lead to the failure queue."
  }

  assert {
    condition = alltrue(flatten([
      for name, state in jsondecode(aws_sfn_state_machine.classify.definition).States : [
        for retrier in state.Retry : retrier.JitterStrategy == "FULL" && retrier.MaxDelaySeconds > 0 && retrier.BackoffRate > 1
      ] if state.Type == "Task"
    ]))
    error_message = "Retries must back off, with a limit and with jitter."
  }

  assert {
    condition = length(setintersection(
      flatten([
        for name, state in jsondecode(aws_sfn_state_machine.classify.definition).States : state.Retry[*].ErrorEquals if state.Type == "Task"
      ]),
      ["States.ALL", "States.TaskFailed", "InvalidInput", "AccessDenied", "BadScores", "THRESHOLD_CONFIDENCE_NOT_MET", "DynamoDB.ConditionalCheckFailedException"],
    )) == 0
    error_message = "What cannot heal must not be retried."
  }
}

run "a_decision_is_recorded_once_and_before_anybody_is_told" {
  command = plan

  module {
    source = "./modules/workflow"
  }

  assert {
    condition = [
      for name, state in jsondecode(aws_sfn_state_machine.classify.definition).States : name
      if contains(concat([try(state.Next, ""), try(state.Default, "")], try(state.Choices[*].Next, [])), "Accepted?")
    ] == ["Record"]
    error_message = "Publishing and asking a person must come after recording."
  }

  assert {
    condition = alltrue([
      jsondecode(aws_sfn_state_machine.classify.definition).States["Accepted?"].Choices == [{ Condition = "{% $states.input.decision = 'accepted' %}", Next = "Publish" }],
      jsondecode(aws_sfn_state_machine.classify.definition).States["Accepted?"].Default == "Ask a person",
    ])
    error_message = "Accepted decisions must be published, and every other must reach a person."
  }

  assert {
    condition = (
      jsondecode(aws_sfn_state_machine.classify.definition).States["Record"].Arguments.ConditionExpression ==
      "attribute_not_exists(image_id) OR (execution = :claim AND attribute_not_exists(delivered_at))"
    )
    error_message = "Only the first execution, or a redrive of it that told nobody, may claim an image version."
  }

  assert {
    condition = one([
      for catcher in jsondecode(aws_sfn_state_machine.classify.definition).States["Record"].Catch : catcher.Next
      if contains(catcher.ErrorEquals, "DynamoDB.ConditionalCheckFailedException")
    ]) == "Already decided"
    error_message = "An event that arrives twice must succeed as a duplicate."
  }

  assert {
    condition     = strcontains(jsondecode(aws_sfn_state_machine.classify.definition).States["Record"].Arguments.Item, "$millis() / 1000) + 7776000)")
    error_message = "A decision must expire after decision_retention_days."
  }

  assert {
    condition = alltrue([
      !aws_sfn_state_machine.classify.logging_configuration[0].include_execution_data,
      aws_sfn_state_machine.classify.tracing_configuration[0].enabled,
    ])
    error_message = "Executions must be traced, and what travels through them must not be logged."
  }
}

run "a_photograph_under_incoming_starts_an_execution_with_its_bucket_key_version_and_order" {
  command = plan

  module {
    source = "./modules/workflow"
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.uploads.event_pattern) == {
      source      = ["aws.s3"]
      detail-type = ["Object Created"]
      detail      = { bucket = { name = ["uploads"] }, object = { key = [{ prefix = "incoming/" }] } }
    }
    error_message = "Only new objects under incoming/ of the uploads bucket may start an execution."
  }

  assert {
    condition     = one(aws_cloudwatch_event_target.classify.input_transformer).input_template == "{\"s3_bucket\": <bucket>, \"s3_key\": <key>, \"version_id\": <version>, \"sequencer\": <sequencer>}"
    error_message = "Placeholders must stand without quotes, so that EventBridge escapes the values."
  }

  assert {
    condition     = one(aws_cloudwatch_event_target.classify.dead_letter_config).arn == "arn:aws:sqs:us-east-1:123456789012:failures"
    error_message = "An event that cannot be delivered must be kept."
  }
}

run "a_function_that_may_outlast_its_step_is_refused" {
  command = plan

  module {
    source = "./modules/workflow"
  }

  variables {
    functions = {
      serialize = { arn = "arn:aws:lambda:us-east-1:123456789012:function:serialize", timeout_s = 18 }
      infer     = { arn = "arn:aws:lambda:us-east-1:123456789012:function:infer", timeout_s = 12 }
      filter    = { arn = "arn:aws:lambda:us-east-1:123456789012:function:filter", timeout_s = 3 }
    }
  }

  expect_failures = [aws_sfn_state_machine.classify]
}

run "the_alarm_of_failed_executions_makes_somebody_tell_which_pictures_failed" {
  command = plan

  module {
    source = "./modules/workflow"
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.failures.event_pattern) == {
      source      = ["aws.cloudwatch"]
      detail-type = ["CloudWatch Alarm State Change"]
      resources   = ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:failures"]
      detail      = { state = { value = ["ALARM"] } }
    }
    error_message = "The report must begin when this alarm goes off, and at no other time."
  }

  assert {
    condition = alltrue([
      jsondecode(aws_sfn_state_machine.failure_report.definition).States["Look"].Arguments.VisibilityTimeout == 0,
      !strcontains(aws_sfn_state_machine.failure_report.definition, "sqs:deleteMessage"),
    ])
    error_message = "The report must only look at the messages."
  }

  assert {
    condition     = jsondecode(aws_sfn_state_machine.failure_report.definition).States["Tell"].Arguments.TopicArn == "arn:aws:sns:us-east-1:123456789012:alarms"
    error_message = "People are told by the topic of the alarms."
  }

  assert {
    condition = alltrue([
      for name in ["Count", "Look"] : one(jsondecode(aws_sfn_state_machine.failure_report.definition).States[name].Catch).Next == "Tell"
    ])
    error_message = "People must be told even if the queue cannot be read."
  }
}

run "logs_are_delivered_to_encrypted_groups_that_no_policy_limit_stops" {
  command = plan

  module {
    source = "./modules/workflow"
  }

  assert {
    condition = alltrue([
      for machine, group in {
        (aws_sfn_state_machine.classify.name)       = aws_cloudwatch_log_group.classify
        (aws_sfn_state_machine.batch.name)          = aws_cloudwatch_log_group.batch
        (aws_sfn_state_machine.failure_report.name) = aws_cloudwatch_log_group.failure_report
        } : alltrue([
          group.name == "/aws/vendedlogs/states/${machine}",
          group.retention_in_days == 14,
          group.kms_key_id == "arn:aws:kms:us-east-1:123456789012:key/ours",
      ])
    ])
    error_message = "Names under /aws/vendedlogs/ need no entry each in the account's log resource policy, which is limited in size; what is kept there must end, and be encrypted."
  }

  assert {
    condition = alltrue([
      for machine in [aws_sfn_state_machine.classify, aws_sfn_state_machine.batch, aws_sfn_state_machine.failure_report] : alltrue([
        endswith(one(machine.logging_configuration).log_destination, ":*"),
        one(machine.logging_configuration).level == "ERROR",
        !one(machine.logging_configuration).include_execution_data,
        one(machine.tracing_configuration).enabled,
      ])
    ])
    error_message = "Each state machine must log its errors, never what travels through it, to an ARN that ends in :*, and must be traced."
  }
}

run "a_batch_runs_the_workflow_itself_within_its_limits" {
  command = plan

  module {
    source = "./modules/workflow"
  }

  assert {
    condition     = aws_sfn_state_machine.batch.type == "STANDARD"
    error_message = "A batch may take longer than the five minutes of an Express execution."
  }

  assert {
    condition = {
      for name, state in jsondecode(aws_sfn_state_machine.batch.definition).States["Classify all"].ItemProcessor.States["Classify each"].ItemProcessor.States :
      name => state if jsondecode(aws_sfn_state_machine.classify.definition).States[name].Type != "Fail"
      } == {
      for name, state in jsondecode(aws_sfn_state_machine.classify.definition).States :
      name => state if state.Type != "Fail"
    }
    error_message = "Each photograph must take the workflow itself, and nothing else."
  }

  assert {
    condition = length(distinct(concat(
      keys(jsondecode(aws_sfn_state_machine.batch.definition).States),
      keys(jsondecode(aws_sfn_state_machine.batch.definition).States["Classify all"].ItemProcessor.States),
      keys(jsondecode(aws_sfn_state_machine.classify.definition).States),
      ))) == sum([
      length(jsondecode(aws_sfn_state_machine.batch.definition).States),
      length(jsondecode(aws_sfn_state_machine.batch.definition).States["Classify all"].ItemProcessor.States),
      length(jsondecode(aws_sfn_state_machine.classify.definition).States),
    ])
    error_message = "Step Functions refuses a machine in which two states have one name, wherever they are."
  }

  assert {
    condition     = length(regexall("\"Type\":\"Fail\"", jsonencode(jsondecode(aws_sfn_state_machine.batch.definition).States["Classify all"].ItemProcessor.States["Classify each"]))) == 0
    error_message = "No photograph that fails may end the others of its group."
  }

  assert {
    condition     = alltrue([for name in ["Failed", "Not kept", "Not confirmed"] : startswith(jsondecode(aws_sfn_state_machine.batch.definition).States["Classify all"].ItemProcessor.States["Classify each"].ItemProcessor.States[name].Output.failed.cause, "{% $substring(")])
    error_message = "What a group hands on must stay below 256 KB."
  }

  assert {
    condition = alltrue([
      for name, value in { MaxConcurrency = 4, ToleratedFailurePercentage = 3, ItemBatcher = { MaxItemsPerBatch = 12 } } :
      jsonencode(jsondecode(aws_sfn_state_machine.batch.definition).States["Classify all"][name]) == jsonencode(value)
    ])
    error_message = "It must respect its limits: 50 photographs at a time are 4 groups of 12, which is not more."
  }
}

run "a_batch_of_few_at_a_time_has_groups_of_one" {
  command = plan

  module {
    source = "./modules/workflow"
  }

  variables {
    batch_limits = { concurrency = 4, tolerated_failures_percent = 3 }
  }

  assert {
    condition = alltrue([
      for name, value in { MaxConcurrency = 4, ItemBatcher = { MaxItemsPerBatch = 1 } } :
      jsonencode(jsondecode(aws_sfn_state_machine.batch.definition).States["Classify all"][name]) == jsonencode(value)
    ])
    error_message = "A group must have a photograph, and several must run at a time."
  }
}

run "uploads_wait_in_their_bucket_while_the_endpoint_is_switched_off" {
  command = plan

  module {
    source = "./modules/workflow"
  }

  variables {
    takes_uploads = false
  }

  assert {
    condition     = aws_cloudwatch_event_rule.uploads.state == "DISABLED" && aws_cloudwatch_event_rule.failures.state != "DISABLED"
    error_message = "No upload may start an execution that can only fail."
  }
}
