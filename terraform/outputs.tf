output "uploads_bucket" {
  description = "Bucket that photographs are uploaded to; an object under incoming/ starts an execution."
  value       = module.storage.uploads_bucket
}

output "artifacts_bucket" {
  description = "Bucket with datasets, models, captured inferences and the record of what is deployed."
  value       = module.storage.artifacts_bucket
}

output "labels" {
  description = "Classes in the order of the model's scores; each has its assignment."
  value       = var.labels
}

output "key_arn" {
  description = "KMS key that encrypts what this environment stores; null without customer_managed_key."
  value       = one(module.encryption[*].arn)
}

output "sagemaker_role_arn" {
  description = "Role that training jobs, transform jobs and the endpoint run as."
  value       = module.identity.role_arns["sagemaker"]
}

output "decisions_table" {
  description = "DynamoDB table with one decision for each image version."
  value       = module.storage.decisions_table
}

output "review_queue_url" {
  description = "Queue of cases that wait for a person."
  value       = module.storage.review_queue_url
}

output "failure_queue_url" {
  description = "Queue of inputs whose execution failed, and of events that could not be delivered."
  value       = module.storage.failures_queue_url
}

output "alarm_topic_arn" {
  description = "Topic that every alarm is published to."
  value       = module.observability.alarm_topic_arn
}

output "page_topic_arn" {
  description = "Topic of the one alarm to be woken by: that the service is unhealthy."
  value       = module.observability.page_topic_arn
}

output "rollback_alarm_names" {
  description = "Alarms that roll an update of the endpoint back; empty while there is no endpoint."
  value       = module.observability.rollback_alarm_names
}

output "dashboard_name" {
  description = "CloudWatch dashboard to open first."
  value       = module.observability.dashboard_name
}

output "batch_state_machine_arn" {
  description = "State machine that classifies many photographs; null while there is no endpoint."
  value       = one(module.workflow[*].batch_state_machine_arn)
}

output "state_machine_arn" {
  description = "State machine that classifies one photograph; null while there is no endpoint."
  value       = one(module.workflow[*].state_machine_arn)
}

output "function_names" {
  description = "Names of the Lambda functions by their role in the workflow; null while there is no endpoint."
  value       = one(module.functions[*].function_names)
}
