# What exists before and after there is an endpoint.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  environment = "test"
}

run "without_an_endpoint_there_is_what_training_needs_and_no_workflow" {
  command = plan

  variables {
    package_dir = "tests/there-is-no-such-folder" # the first apply reads no packages
  }

  assert {
    condition     = length(module.workflow) == 0 && length(module.functions) == 0 && length(module.scaling) == 0
    error_message = "Nothing that needs an endpoint may exist without one."
  }

  assert {
    condition     = output.state_machine_arn == null && output.function_names == null
    error_message = "Outputs of what does not exist must be null."
  }

  assert {
    condition = alltrue([
      output.uploads_bucket == "scones-test-uploads-123456789012",
      output.artifacts_bucket == "scones-test-artifacts-123456789012",
      output.decisions_table == "scones-test-decisions",
      output.sagemaker_role_arn != null,
      output.review_queue_url != null,
      output.failure_queue_url != null,
      output.alarm_topic_arn != null,
      length(output.rollback_alarm_names) == 0,
    ])
    error_message = "Storage, identity and the alarm topic must exist from the first apply on."
  }
}

run "with_an_endpoint_there_is_a_workflow_of_three_functions_and_a_monitor" {
  command = plan

  variables {
    endpoint_name = "scones-test"
    package_dir   = "tests/packages"
  }

  assert {
    condition     = output.state_machine_arn != null
    error_message = "With an endpoint there must be a workflow."
  }

  assert {
    condition = output.function_names == {
      serialize = "scones-test-serialize"
      infer     = "scones-test-infer"
      filter    = "scones-test-filter"
      monitor   = "scones-test-monitor"
    }
    error_message = "The functions must be named after the environment and their role."
  }

  assert {
    condition = output.rollback_alarm_names == [
      "scones-test-rollback-4xx-rate", "scones-test-rollback-5xx-rate", "scones-test-rollback-latency-p99", "scones-test-rollback-low-confidence-rate",
    ]
    error_message = "There must be four alarms that roll an update back."
  }

  assert {
    condition     = local.arns.rollback_alarms == [for name in output.rollback_alarm_names : "arn:aws:cloudwatch:us-east-1:123456789012:alarm:${name}"]
    error_message = "The alarms that SageMaker's role may read must be those that there are."
  }
}

run "an_endpoint_that_is_switched_off_is_not_scaled" {
  command = plan

  variables {
    package_dir      = "tests/packages"
    endpoint_name    = "model"
    endpoint_stopped = true
    endpoint_nights  = { begin = "cron(0 20 ? * MON-FRI *)", end = "cron(0 5 * * ? *)" }
  }

  assert {
    condition     = length(module.workflow) == 1 && length(module.scaling) == 0
    error_message = "The workflow stays; a target that does not exist cannot be registered."
  }
}
