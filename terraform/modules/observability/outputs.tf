output "alarm_topic_arn" {
  description = "Topic that every alarm is published to."
  value       = aws_sns_topic.alarms.arn
}

output "dashboard_name" {
  description = "CloudWatch dashboard with everything on one screen."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}
