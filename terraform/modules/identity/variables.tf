variable "prefix" {
  description = "First part of every resource's name."
  type        = string
}

variable "region" {
  description = "Region in which the roles are used."
  type        = string
}

variable "account_id" {
  description = "Account on whose behalf a service may assume the roles."
  type        = string
}

variable "arns" {
  description = "ARNs of everything that a role may touch."
  type = object({
    uploads_bucket   = string
    artifacts_bucket = string
    decisions_table  = string
    review_queue     = string
    failures_queue   = string
    upload_rule      = string
    event_bus        = string
    state_machine    = string
    batch            = string
    batch_runs       = string
    batch_children   = string
    failure_report   = string
    failures_rule    = string
    alarm_topic      = string
    endpoint         = string
    rollback_alarms  = list(string)
    function         = map(string)
    function_logs    = map(string)
  })
}

variable "upload_prefixes" {
  description = "Folders of the uploads bucket that may be read."
  type        = list(string)
}

variable "permissions_boundary" {
  description = "ARN of an IAM policy that bounds every role, or null."
  type        = string
  default     = null
}
