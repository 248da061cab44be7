variable "prefix" {
  description = "First part of every resource's name."
  type        = string
}

variable "account_id" {
  description = "Account in which the resources live: bucket names are unique worldwide only with it."
  type        = string
}

variable "arns" {
  description = "ARNs of the buckets, the queues and the rule that may write to the failures queue."
  type = object({
    uploads_bucket   = string
    artifacts_bucket = string
    review_queue     = string
    failures_queue   = string
    upload_rule      = string
  })
}

variable "key" {
  description = "Key that encrypts what is stored; null: the keys that each service owns."
  type        = object({ arn = string })
  default     = null
}

variable "upload_prefixes" {
  description = "Folders of the uploads bucket that photographs arrive in."
  type        = list(string)
}

variable "upload_retention_days" {
  description = "Days after which an uploaded photograph expires."
  type        = number
}

variable "capture_retention_days" {
  description = "Days after which captured inferences and batch predictions expire."
  type        = number
}

variable "decision_retention_days" {
  description = "Days after which batches, and the monitor's records of its windows, expire."
  type        = number
}

variable "expire_objects" {
  description = "Whether S3 deletes objects when their days are over."
  type        = bool
  default     = true
}
