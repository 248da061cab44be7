# The monitor runs by itself, and nobody but its schedule may call it.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  prefix   = "scones-test"
  function = { arn = "arn:aws:lambda:us-east-1:123456789012:function:monitor", name = "scones-test-monitor" }
  schedule = "rate(15 minutes)"
}

run "the_schedule_calls_the_monitor_and_may_do_so" {
  command = plan

  module {
    source = "./modules/monitoring"
  }

  assert {
    condition     = aws_cloudwatch_event_rule.monitor.schedule_expression == "rate(15 minutes)" && aws_cloudwatch_event_target.monitor.arn == var.function.arn
    error_message = "The rule must call the function as often as it was told to."
  }

  assert {
    condition     = aws_lambda_permission.schedule.principal == "events.amazonaws.com" && aws_lambda_permission.schedule.source_arn == aws_cloudwatch_event_rule.monitor.arn && aws_lambda_permission.schedule.function_name == "scones-test-monitor"
    error_message = "EventBridge may call the function for this rule, and for no other."
  }
}

run "it_rests_while_the_endpoint_is_switched_off" {
  command = plan

  module {
    source = "./modules/monitoring"
  }

  variables {
    enabled = false
  }

  assert {
    condition     = aws_cloudwatch_event_rule.monitor.state == "DISABLED"
    error_message = "There is nothing to look at."
  }
}
