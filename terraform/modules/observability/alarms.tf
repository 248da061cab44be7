# What people get to read. Subject and frame of the message are CloudWatch's; the description stands in
# the middle of it, and in the console.
locals {
  descriptions = {
    for name, alarm in merge(local.alarms, { unhealthy = local.unhealthy }) :
    name => join("\n\n", [
      alarm.meaning,
      "What to do: ${alarm.action}",
      "Environment: ${var.environment}. Severity: ${alarm.severity}. More: docs/runbook.md#${name}",
    ])
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name        = "${var.prefix}-${each.key}"
  alarm_description = local.descriptions[each.key]

  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  extended_statistic  = each.value.extended_statistic
  period              = each.value.period_s
  evaluation_periods  = each.value.periods
  datapoints_to_alarm = each.value.datapoints
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  treat_missing_data  = each.value.missing

  actions_enabled = !var.silent

  alarm_actions = [aws_sns_topic.this["alarms"].arn]
  ok_actions    = [aws_sns_topic.this["alarms"].arn]

  tags = { Severity = each.value.severity }
}
