variable "prefix" {
  description = "First part of the name of everything that the key encrypts, and its alias."
  type        = string
}

variable "region" {
  description = "Region in which the key is used."
  type        = string
}

variable "account_id" {
  description = "Account that owns the key, and whose principals may use it."
  type        = string
}

variable "arns" {
  description = "ARNs of the buckets, the table, the queues and the topic that the key encrypts."
  type = object({
    uploads_bucket   = string
    artifacts_bucket = string
    decisions_table  = string
    review_queue     = string
    failures_queue   = string
    alarm_topic      = string
    pages_topic      = string
  })
}
