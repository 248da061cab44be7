# The one alarm to be woken by. It looks at what photographs suffer, and not at causes: whatever the
# cause, they fail or are cut off, and what heals by itself wakes nobody. Conditions that may stay for
# days are left out: while it is on, it cannot go off again.
locals {
  unhealthy = {
    severity = "page"
    meaning  = "The service is unhealthy: photographs are not being classified. What is in ${local.failures_queue} is not lost, but drivers wait."
    action   = "The reason above names the alarm that set this one off, and the topic ${local.topic_names["alarms"]} has its message: begin with what that says. Then look at the dashboard ${var.prefix} from left to right."
  }
}

resource "aws_cloudwatch_composite_alarm" "unhealthy" {
  count = var.endpoint_name == null ? 0 : 1

  alarm_name        = "${var.prefix}-unhealthy"
  alarm_description = local.descriptions["unhealthy"]
  alarm_rule        = join(" OR ", [for name, alarm in aws_cloudwatch_metric_alarm.this : "ALARM(${alarm.alarm_name})" if local.alarms[name].severity == "page"])

  actions_enabled = !var.silent

  # To both topics: where nobody is paged, somebody is at least told.
  alarm_actions = values(aws_sns_topic.this)[*].arn
  ok_actions    = values(aws_sns_topic.this)[*].arn

  tags = { Severity = local.unhealthy.severity }
}
