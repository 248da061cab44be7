output "alarm_topic_arn" {
  description = "Topic that every alarm is published to."
  value       = aws_sns_topic.this["alarms"].arn
}

output "page_topic_arn" {
  description = "Topic of the one alarm to be woken by."
  value       = aws_sns_topic.this["pages"].arn
}

output "dashboard_name" {
  description = "CloudWatch dashboard with everything on one screen."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "rollback_alarm_names" {
  description = "Alarms that roll an update of the endpoint back; empty while there is no endpoint."
  value       = [for name, alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name if contains(keys(local.for_rollback), name)]
}

output "rollback_alarm_arns" {
  description = "ARNs of those alarms, whether or not they exist yet: for the permission to read them."
  value       = [for name in keys(local.for_rollback) : "${local.alarm_arn_prefix}-${name}"]
}
