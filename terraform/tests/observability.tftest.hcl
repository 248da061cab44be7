# Alarms that somebody can act on, and a dashboard for one screen.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  prefix               = "scones-test"
  region               = "us-east-1"
  account_id           = "123456789012"
  alarm_email          = "operations@example.com"
  endpoint_name        = "model"
  endpoint_variant     = "AllTraffic"
  latency_threshold_ms = 250
}

run "every_alarm_tells_somebody_what_it_means_and_what_to_do" {
  command = plan

  module {
    source = "./modules/observability"
  }

  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset([
      "executions-failed", "executions-timed-out", "failure-queue-not-empty",
      "endpoint-server-errors", "endpoint-client-errors", "endpoint-latency",
      "serialize-errors", "infer-errors", "filter-errors",
      "serialize-throttles", "infer-throttles", "filter-throttles",
    ])
    error_message = "The alarms must be these."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this :
      alarm.alarm_actions == toset([aws_sns_topic.alarms.arn]) && alarm.ok_actions == toset([aws_sns_topic.alarms.arn])
    ])
    error_message = "Every alarm must be published, and so must its end."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this :
      strcontains(alarm.alarm_description, "What to do: ") && length(alarm.alarm_description) > 80 && length(alarm.alarm_description) <= 1024
    ])
    error_message = "Every alarm must say what it means and what to do, in the 1024 characters that CloudWatch allows."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : contains(["breaching", "notBreaching", "ignore"], alarm.treat_missing_data)])
    error_message = "What silence means must be decided for every alarm."
  }

  assert {
    condition = alltrue([
      aws_cloudwatch_metric_alarm.this["endpoint-latency"].metric_name == "ModelLatency",
      aws_cloudwatch_metric_alarm.this["endpoint-latency"].extended_statistic == "p99",
      aws_cloudwatch_metric_alarm.this["endpoint-latency"].threshold == 250000,
    ])
    error_message = "SageMaker reports latency in microseconds: 250 ms are 250000."
  }

  assert {
    condition = alltrue([
      for name in ["endpoint-latency", "endpoint-server-errors", "endpoint-client-errors"] :
      aws_cloudwatch_metric_alarm.this[name].dimensions == tomap({ EndpointName = "model", VariantName = "AllTraffic" })
    ])
    error_message = "Endpoint alarms must look at this endpoint and variant: without both dimensions SageMaker reports nothing."
  }

  assert {
    condition     = one(aws_sns_topic_subscription.email).endpoint == "operations@example.com"
    error_message = "The address must be subscribed."
  }

  assert {
    condition = alltrue([
      for statement in jsondecode(aws_sns_topic.alarms.policy).Statement :
      statement.Effect == "Deny" ? statement.Condition == { Bool = { "aws:SecureTransport" = "false" } } : alltrue([
        statement.Principal == { Service = "cloudwatch.amazonaws.com" },
        statement.Condition.StringEquals == { "aws:SourceAccount" = "123456789012" },
      ])
    ])
    error_message = "Only alarms of this account may publish, and only over TLS."
  }
}

run "the_dashboard_fits_on_one_screen_and_shows_the_alarms_threshold" {
  command = plan

  module {
    source = "./modules/observability"
  }

  assert {
    condition     = max([for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.y + widget.height]...) <= 15
    error_message = "The dashboard must not need scrolling."
  }

  assert {
    condition = alltrue(flatten([
      for a in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : [
        for b in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets :
        a == b || a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y
      ]
    ]))
    error_message = "No widget may cover another."
  }

  assert {
    condition = [
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets : widget.properties.annotations.horizontal[0].value
      if can(widget.properties.annotations)
    ] == [250]
    error_message = "The latency chart is in milliseconds and must show the alarm's threshold."
  }
}

run "without_an_endpoint_only_what_exists_is_watched" {
  command = plan

  module {
    source = "./modules/observability"
  }

  variables {
    endpoint_name = null
    alarm_email   = null
  }

  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.this) == ["failure-queue-not-empty"]
    error_message = "Alarms on things that do not exist yet would only be noise."
  }

  assert {
    condition     = length(aws_sns_topic_subscription.email) == 0
    error_message = "Without an address nobody is subscribed."
  }
}
