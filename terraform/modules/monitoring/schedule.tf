# EventBridge calls the function by itself: a rule's targets that are functions take no role, but
# the function's own policy must let the rule in.
resource "aws_cloudwatch_event_rule" "monitor" {
  name                = "${var.prefix}-monitor"
  description         = "It is time to look at what was captured"
  schedule_expression = var.schedule
  state               = var.enabled ? "ENABLED" : "DISABLED"
}

resource "aws_cloudwatch_event_target" "monitor" {
  rule      = aws_cloudwatch_event_rule.monitor.name
  target_id = "monitor"
  arn       = var.function.arn

  # The next run goes on where one was missed: there is no use in two.
  retry_policy {
    maximum_event_age_in_seconds = 300
    maximum_retry_attempts       = 2
  }
}

resource "aws_lambda_permission" "schedule" {
  statement_id  = "LetScheduleInvoke"
  action        = "lambda:InvokeFunction"
  function_name = var.function.name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.monitor.arn
}
