variable "prefix" {
  description = "First part of every resource's name."
  type        = string
}

variable "environment" {
  description = "Name of the environment, as people give it to tasks."
  type        = string
}

variable "role_arns" {
  description = "Roles of the state machine (workflow), of the one for many photographs (batch), of the one that reports failures (reporter), and of the rules that start them (events)."
  type        = map(string)
}

variable "key" {
  description = "Key that encrypts the logs; null: CloudWatch's own."
  type        = object({ arn = string })
  default     = null
}

variable "functions" {
  description = "ARN and timeout of serialize, infer and filter."
  type = map(object({
    arn       = string
    timeout_s = number
  }))
}

variable "uploads_bucket" {
  description = "Bucket whose new objects start an execution."
  type        = string
}

variable "artifacts_bucket" {
  description = "Bucket with the manifests of batches, and their results."
  type        = string
}

variable "takes_uploads" {
  description = "Whether an upload starts an execution; otherwise it waits in its bucket for a batch."
  type        = bool
  default     = true
}

variable "batch_limits" {
  description = "How many photographs of a batch are classified at a time, and the percentage that may fail before it is given up."
  type = object({
    concurrency                = number
    tolerated_failures_percent = number
  })
}

variable "event_prefix" {
  description = "Folder of that bucket in which a new object starts an execution."
  type        = string
}

variable "decisions_table" {
  description = "Name of the table with one decision for each image version."
  type        = string
}

variable "review_queue_url" {
  description = "Queue of cases that wait for a person."
  type        = string
}

variable "failures_queue_url" {
  description = "Queue of inputs whose execution failed."
  type        = string
}

variable "failures_queue_arn" {
  description = "ARN of the same queue, which also takes events that could not start an execution."
  type        = string
}

variable "failures_alarm_arn" {
  description = "Alarm of failed executions: when it goes off, people are told what waits in the failure queue."
  type        = string
}

variable "alarm_topic_arn" {
  description = "Topic that people are told by."
  type        = string
}

variable "decision_retention_days" {
  description = "Days after which a recorded decision expires."
  type        = number
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
}
