# Where

variable "environment" {
  description = "Name of the environment: part of every resource's name. 'local' is the emulated cloud on this machine; any other name is AWS."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.environment)) && var.environment != "github"
    error_message = "environment must be 2 to 12 lower-case letters and digits, starting with a letter, and not github: the roles of GitHub's workflows have that name."
  }
}

variable "project" {
  description = "Name of the project: the first part of every resource's name."
  type        = string
  default     = "scones"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{1,11}$", var.project))
    error_message = "project must be 2 to 12 lower-case letters and digits, starting with a letter."
  }
}

variable "region" {
  description = "AWS region (commercial partition) in which everything is created."
  type        = string
  default     = "us-east-1"

  validation {
    condition     = can(regex("^[a-z]{2}-[a-z]+-[1-9]$", var.region)) && !startswith(var.region, "cn-")
    error_message = "region must be a region of AWS's commercial partition, such as us-east-1."
  }
}

variable "account_id" {
  description = "The only AWS account that this environment may touch; with other credentials every command refuses to run. null: no such check."
  type        = string
  default     = null

  validation {
    condition     = var.account_id == null || can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must be 12 digits, or null."
  }
}

variable "permissions_boundary" {
  description = "ARN of an IAM policy that bounds every role created here, for accounts that demand one."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary == null || can(regex("^arn:aws:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary))
    error_message = "permissions_boundary must be the ARN of an IAM policy, or null."
  }
}

# The model in service: written by a deployment, see deployments/current.json in the artifacts bucket

variable "endpoint_name" {
  description = "SageMaker endpoint that classifies. null: no model is in service yet, so storage and identity exist and nothing that needs an endpoint does."
  type        = string
  default     = null

  validation {
    condition     = var.endpoint_name == null || can(regex("^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$", var.endpoint_name))
    error_message = "endpoint_name must be a SageMaker endpoint name (letters, digits and hyphens, at most 63), or null."
  }
}

variable "endpoint_variant" {
  description = "Production variant of the endpoint whose metrics the alarms and the dashboard read."
  type        = string
  default     = "AllTraffic"

  validation {
    condition     = can(regex("^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$", var.endpoint_variant))
    error_message = "endpoint_variant must be a SageMaker variant name (letters, digits and hyphens, at most 63)."
  }
}

variable "endpoint_stopped" {
  description = "Whether the endpoint is switched off for a while (invoke endpoint.stop): uploads wait in their bucket, and neither the monitor nor an alarm says anything. The record of deployment sets it."
  type        = bool
  default     = false
}

variable "endpoint_scaling" {
  description = "How many instances serve: at least and at most, the invocations per instance and minute to aim at, and the seconds to wait after a change in either direction. 3,000 a minute, which is 50 a second, are less than a tenth of what two cores were measured to answer here (docs/measured.md): the next instance comes long before one is busy. An update as a canary needs two instances."
  type = object({
    minimum                  = optional(number, 2)
    maximum                  = optional(number, 4)
    invocations_per_instance = optional(number, 3000)
    scale_out_cooldown_s     = optional(number, 60)
    scale_in_cooldown_s      = optional(number, 300)
  })
  default = {}

  validation {
    condition     = var.endpoint_scaling.minimum >= 1 && var.endpoint_scaling.maximum >= var.endpoint_scaling.minimum
    error_message = "endpoint_scaling.minimum must be at least 1, and maximum no less than that."
  }

  validation {
    condition     = var.endpoint_scaling.invocations_per_instance > 0 && min(var.endpoint_scaling.scale_out_cooldown_s, var.endpoint_scaling.scale_in_cooldown_s) >= 0
    error_message = "endpoint_scaling.invocations_per_instance must be above 0, and no cool-down may be negative."
  }
}

variable "endpoint_nights" {
  description = "Fewer instances at night: when it begins and ends, such as cron(0 20 * * ? *), in which time zone, and the least number of instances then. null: nights are as days. While a night lasts, a plan shows its minimum as a change; applying it ends the night early."
  type = object({
    begin    = string
    end      = string
    timezone = optional(string, "Etc/UTC")
    minimum  = optional(number, 1)
  })
  default = null

  # min hour day-of-month month day-of-week year
  validation {
    condition     = var.endpoint_nights == null ? true : alltrue([for moment in [var.endpoint_nights.begin, var.endpoint_nights.end] : can(regex("^cron\\(\\S+ \\S+ (\\? \\S+ [^?\\s]+|[^?\\s]+ \\S+ \\?) [^\\s)]+\\)$", moment))])
    error_message = "endpoint_nights.begin and .end must be cron expressions of six fields, such as cron(0 20 * * ? *): one of the day of the month and the day of the week is ?."
  }

  validation {
    condition     = var.endpoint_nights == null ? true : var.endpoint_nights.minimum >= 1 && var.endpoint_nights.minimum <= var.endpoint_scaling.maximum
    error_message = "endpoint_nights.minimum must be at least 1, and at most endpoint_scaling.maximum: an endpoint with instances cannot go to none (invoke endpoint.stop switches it off)."
  }
}

variable "labels" {
  description = "Classes in the order of the model's scores."
  type        = list(string)
  default     = ["bicycle", "motorcycle"]

  validation {
    condition     = length(var.labels) >= 2 && length(distinct(var.labels)) == length(var.labels)
    error_message = "labels must name at least two different classes."
  }

  validation {
    condition     = alltrue([for label in var.labels : can(regex("^[a-z0-9_-]{1,40}$", label))])
    error_message = "A label is 1 to 40 lower-case letters, digits, hyphens and underscores."
  }
}

variable "confidence_threshold" {
  description = "Confidence, from 0 to 1, at and above which a classification is accepted; below it a person decides."
  type        = number
  default     = 0.8

  validation {
    condition     = var.confidence_threshold >= 1 / length(var.labels) && var.confidence_threshold <= 1
    error_message = "confidence_threshold must lie between 1 / number of labels (the top score is never lower, so nothing would ever reach a person) and 1."
  }
}

variable "image_size_px" {
  description = "Width and height of the model's input; uploads are reduced to it before they travel through the workflow."
  type        = number
  default     = 128

  validation {
    condition     = var.image_size_px >= 32 && var.image_size_px <= 320 && floor(var.image_size_px) == var.image_size_px
    error_message = "image_size_px must be a whole number from 32 to 320: a larger picture may not fit through the workflow's 256 KiB."
  }
}

# What a decision leads to

variable "low_confidence_action" {
  description = "What happens below the threshold: 'review' sends the case to a person, 'fail' ends the execution in the error THRESHOLD_CONFIDENCE_NOT_MET."
  type        = string
  default     = "review"

  validation {
    condition     = contains(["review", "fail"], var.low_confidence_action)
    error_message = "low_confidence_action must be 'review' or 'fail'."
  }
}

variable "assignments" {
  description = "For each label: the loading bay the driver goes to, and how far away an order may be."
  type = map(object({
    loading_bay     = string
    max_distance_km = number
  }))
  default = {
    bicycle    = { loading_bay = "A", max_distance_km = 3 }
    motorcycle = { loading_bay = "B", max_distance_km = 15 }
  }

  validation {
    condition     = toset(keys(var.assignments)) == toset(var.labels)
    error_message = "assignments must have exactly one entry for each label."
  }

  validation {
    condition     = alltrue([for a in values(var.assignments) : a.max_distance_km > 0 && a.loading_bay != ""])
    error_message = "An assignment needs a loading_bay and a max_distance_km above 0."
  }
}

# Lambda packages

variable "package_dir" {
  description = "Folder with a zip for each function, layer.zip and numpy.zip, relative to the folder Terraform runs in."
  type        = string
  default     = "../build/packages/aws"
}

variable "lambda_runtime" {
  description = "Lambda runtime that the packages were built for."
  type        = string
  default     = "python3.13"

  validation {
    condition     = contains(["python3.13", "provided.al2023"], var.lambda_runtime)
    error_message = "lambda_runtime must be python3.13, or provided.al2023 for packages that bring their own bootstrap."
  }
}

variable "lambda_architecture" {
  description = "Processor that the packages were built for."
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda_architecture)
    error_message = "lambda_architecture must be arm64 or x86_64."
  }
}

variable "customer_managed_key" {
  description = "Whether a KMS key of the account's own encrypts buckets, table, queues, topic and logs: its use is on record in CloudTrail, and taking it away closes everything at once. false: each service's own key, and a topic that is not encrypted. It costs about a dollar a month, and requests. Decided once: without its key nothing that it has encrypted can be read."
  type        = bool
  default     = true
  nullable    = false
}

# How long things are kept. Photographs of people and number plates are personal data.

variable "expire_objects" {
  description = "Whether S3 deletes objects when their days are over. The local environment, which lives for minutes, does without: the provider watches each new lifecycle configuration for 55 seconds."
  type        = bool
  default     = true

  validation {
    condition     = var.expire_objects || var.environment == "local"
    error_message = "expire_objects may be false only in the local environment: elsewhere personal data would be kept for ever."
  }
}

variable "upload_retention_days" {
  description = "Days after which an uploaded photograph expires; what is left of it is deleted 15 days later."
  type        = number
  default     = 30

  validation {
    condition     = var.upload_retention_days >= 1
    error_message = "upload_retention_days must be at least 1."
  }
}

variable "capture_retention_days" {
  description = "Days after which captured inferences and batch predictions expire; what is left of them is deleted 15 days later."
  type        = number
  default     = 90

  validation {
    condition     = var.capture_retention_days >= 1
    error_message = "capture_retention_days must be at least 1."
  }
}

variable "decision_retention_days" {
  description = "Days after which a recorded decision expires, a batch, and a window's record of the monitor."
  type        = number
  default     = 365

  validation {
    condition     = var.decision_retention_days >= 1
    error_message = "decision_retention_days must be at least 1."
  }
}

variable "batch_limits" {
  description = "How many photographs of a batch are classified at a time, and the percentage that may fail before it is given up. Each instance of the endpoint can have 100 at a time: if a photograph takes half a second, that is 200 a second, a third of what two cores were measured to answer here (docs/measured.md). They are classified in groups of 20, of which as many run at a time as fit. A group counts as failed when one photograph more failed than that percentage of it; it is given up when more than that percentage are in such groups."
  type = object({
    concurrency                = optional(number, 100)
    tolerated_failures_percent = optional(number, 5)
  })
  default = {}

  validation {
    condition     = var.batch_limits.concurrency >= 1 && var.batch_limits.concurrency <= 10000 && floor(var.batch_limits.concurrency) == var.batch_limits.concurrency
    error_message = "batch_limits.concurrency must be a whole number from 1 to 10,000, for which Lambda's quotas would have to be raised ten times."
  }

  validation {
    condition     = var.batch_limits.concurrency <= 100 * var.endpoint_scaling.maximum
    error_message = "batch_limits.concurrency must be no more than 100 for each instance that endpoint_scaling.maximum allows: the endpoint could not answer them."
  }

  validation {
    condition     = var.batch_limits.tolerated_failures_percent >= 0 && var.batch_limits.tolerated_failures_percent <= 100
    error_message = "batch_limits.tolerated_failures_percent must be from 0 to 100."
  }
}

variable "monthly_budget_usd" {
  description = "What a month of this environment may cost, in US dollars, before alarm_email is told: at 80 % of it, and when the forecast passes it. null: nobody counts."
  type        = number
  default     = null

  validation {
    condition     = var.monthly_budget_usd == null ? true : var.monthly_budget_usd > 0 && var.alarm_email != null
    error_message = "monthly_budget_usd must be above 0, and needs an alarm_email that is told."
  }
}

variable "log_retention_days" {
  description = "Days for which logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "log_retention_days must be a period that CloudWatch Logs offers: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

# Alarms

variable "alarm_email" {
  description = "Address that receives alarms; it must confirm the subscription once. null: nobody is subscribed by Terraform."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_email == null || can(regex("^[^@\\s]+@[^@\\s]+$", var.alarm_email))
    error_message = "alarm_email must be an e-mail address, or null."
  }
}

variable "page_email" {
  description = "Address that is paged, day and night, when the service is unhealthy; it must confirm the subscription once. null: subscribe a paging service to the topic yourself."
  type        = string
  default     = null

  validation {
    condition     = var.page_email == null || can(regex("^[^@\\s]+@[^@\\s]+$", var.page_email))
    error_message = "page_email must be an e-mail address, or null."
  }
}

variable "alarm_timing" {
  description = "Seconds that one datapoint of an alarm stands for: period_s of most, long_period_s of those that look longer, monitor_period_s of those on the monitor, which must run at least once in that time."
  type = object({
    period_s         = optional(number, 60)
    long_period_s    = optional(number, 300)
    monitor_period_s = optional(number, 3600)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for period_s in values(var.alarm_timing) : contains([10, 30], period_s) || (period_s >= 60 && period_s <= 21600 && period_s % 60 == 0)])
    error_message = "The periods of alarm_timing must be 10, 30, or multiples of 60 up to 21600 seconds: CloudWatch offers no others."
  }

  validation {
    condition     = min(values(var.alarm_timing)...) >= 60 || var.environment == "local"
    error_message = "Periods of alarm_timing below 60 work in the local environment only: AWS publishes its metrics once a minute, so most periods would be empty."
  }

  validation {
    condition     = var.alarm_timing.long_period_s % var.alarm_timing.period_s == 0
    error_message = "alarm_timing.long_period_s must be a multiple of period_s."
  }
}

variable "monitor_schedule" {
  description = "How often the monitor looks at what was captured, as EventBridge's rate(…): at least once in alarm_timing.monitor_period_s, or its alarms take it for dead."
  type        = string
  default     = "rate(1 hour)"

  validation {
    condition     = can(regex("^rate\\((1 (minute|hour)|([2-9]|[1-5][0-9]) (minutes|hours))\\)$", var.monitor_schedule))
    error_message = "monitor_schedule must be a rate of EventBridge in minutes or hours, such as rate(1 hour) or rate(15 minutes)."
  }

  validation {
    condition     = var.environment == "local" || try(tonumber(regex("[0-9]+", var.monitor_schedule)) * (strcontains(var.monitor_schedule, "hour") ? 3600 : 60) <= var.alarm_timing.monitor_period_s, true)
    error_message = "monitor_schedule is longer than alarm_timing.monitor_period_s: the alarm on a silent monitor would go off between two runs."
  }
}

variable "monitor_metric_period_s" {
  description = "Seconds covered by one datapoint of the metrics that the monitor adds up."
  type        = number
  default     = 60

  validation {
    condition     = contains([1, 5, 10, 30, 60], var.monitor_metric_period_s)
    error_message = "monitor_metric_period_s must be 1, 5, 10, 30 or 60: CloudWatch keeps no finer periods, and coarser ones make coarser windows."
  }

  validation {
    condition     = var.monitor_metric_period_s == 60 || var.environment == "local"
    error_message = "monitor_metric_period_s below 60 works in the local environment only: AWS publishes its metrics once a minute."
  }
}

variable "latency_threshold_ms" {
  description = "Alarm when the model's 99th percentile latency stays above this many milliseconds."
  type        = number
  default     = 1000

  validation {
    condition     = var.latency_threshold_ms >= 1 && var.latency_threshold_ms <= 60000
    error_message = "latency_threshold_ms must be from 1 to 60000, which is all the time a model has to answer."
  }
}

# From where on an update of the endpoint is rolled back

variable "rollback_limits" {
  description = "An update of the endpoint is rolled back from these limits on: the share of requests that the model fails on (server_error_rate) and that are refused (client_error_rate), the 99th percentile of the model's latency in ms, and the share of decisions below the confidence threshold. Old and new model count together: a canary that takes a tenth of the traffic shows a tenth of its faults."
  type = object({
    server_error_rate   = optional(number, 0.02)
    client_error_rate   = optional(number, 0.05)
    latency_ms          = optional(number, 500)
    low_confidence_rate = optional(number, 0.4)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in ["server_error_rate", "client_error_rate", "low_confidence_rate"] : var.rollback_limits[name] > 0 && var.rollback_limits[name] <= 1])
    error_message = "The rates of rollback_limits are shares: above 0 (which every update would reach) and at most 1."
  }

  validation {
    condition     = var.rollback_limits.latency_ms >= 1 && var.rollback_limits.latency_ms <= 60000
    error_message = "rollback_limits.latency_ms must be from 1 to 60000 milliseconds, which is all the time a model has to answer."
  }
}

variable "rollback_timing" {
  description = "When a limit counts as reached: in datapoints_to_alarm of the last evaluation_periods periods of period_s seconds (low confidence: in all of them). A new model must bake for longer than all these periods together, or a fault is seen too late."
  type = object({
    period_s            = optional(number, 60)
    evaluation_periods  = optional(number, 3)
    datapoints_to_alarm = optional(number, 2)
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains([10, 30], var.rollback_timing.period_s) || (var.rollback_timing.period_s >= 60 && var.rollback_timing.period_s <= 3600 && var.rollback_timing.period_s % 60 == 0)
    error_message = "rollback_timing.period_s must be 10, 30, or a multiple of 60 up to 3600: CloudWatch offers no others."
  }

  validation {
    condition     = var.rollback_timing.period_s >= 60 || var.environment == "local"
    error_message = "rollback_timing.period_s below 60 works in the local environment only: on AWS SageMaker publishes its metrics once a minute, so most periods would be empty and no limit ever reached."
  }

  validation {
    condition = alltrue([
      floor(var.rollback_timing.evaluation_periods) == var.rollback_timing.evaluation_periods,
      floor(var.rollback_timing.datapoints_to_alarm) == var.rollback_timing.datapoints_to_alarm,
      var.rollback_timing.datapoints_to_alarm >= 1,
      var.rollback_timing.datapoints_to_alarm <= var.rollback_timing.evaluation_periods,
      var.rollback_timing.evaluation_periods <= 10,
    ])
    error_message = "rollback_timing: datapoints_to_alarm and evaluation_periods must be whole numbers, 1 <= datapoints_to_alarm <= evaluation_periods <= 10."
  }
}
