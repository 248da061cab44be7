variable "prefix" {
  description = "First part of every resource's name."
  type        = string
}

variable "role_arns" {
  description = "Execution role of each function: serialize, infer, filter, monitor."
  type        = map(string)
}

variable "key" {
  description = "Key that encrypts the logs; null: CloudWatch's own."
  type        = object({ arn = string })
  default     = null
}

variable "package_dir" {
  description = "Folder with one zip for each function, layer.zip and numpy.zip."
  type        = string
}

variable "artifacts_bucket" {
  description = "Bucket that the packages are deployed from, and that the monitor reads and writes."
  type        = string
}

variable "runtime" {
  description = "Lambda runtime that the packages were built for."
  type        = string
}

variable "architecture" {
  description = "Processor that the packages were built for."
  type        = string
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
}

variable "uploads_bucket" {
  description = "The only bucket that serialize reads."
  type        = string
}

variable "upload_prefixes" {
  description = "The only folders of that bucket that serialize reads."
  type        = list(string)
}

variable "image_size_px" {
  description = "Width and height of the model's input."
  type        = number
}

variable "endpoint_name" {
  description = "SageMaker endpoint that infer asks, and that the monitor watches."
  type        = string
}

variable "labels" {
  description = "Classes in the order of the model's scores."
  type        = list(string)
}

variable "confidence_threshold" {
  description = "Confidence at and above which a classification is accepted."
  type        = number
}

variable "low_confidence_action" {
  description = "What filter does below the threshold: review or fail."
  type        = string
}

variable "assignments" {
  description = "For each label: loading bay and greatest distance of an order."
  type = map(object({
    loading_bay     = string
    max_distance_km = number
  }))
}

variable "metric_namespace" {
  description = "CloudWatch namespace that the functions publish their metrics to."
  type        = string
}

variable "environment" {
  description = "Name of the environment: a dimension of the functions' metrics."
  type        = string
}

variable "endpoint_variant" {
  description = "Production variant whose captured inferences the monitor reads."
  type        = string
}

variable "state_machine_arn" {
  description = "State machine whose failed executions the monitor counts."
  type        = string
}

variable "metric_period_s" {
  description = "Seconds that one datapoint of the metrics stands for which the monitor adds up."
  type        = number
}
