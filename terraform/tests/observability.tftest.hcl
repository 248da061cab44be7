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
  page_email           = "on-call@example.com"
  alarm_timing         = { period_s = 60, long_period_s = 300, monitor_period_s = 3600 }
  endpoint_name        = "model"
  endpoint_variant     = "AllTraffic"
  metric_namespace     = "scones"
  environment          = "test"
  latency_threshold_ms = 250
  rollback_limits      = { server_error_rate = 0.02, client_error_rate = 0.05, latency_ms = 200, low_confidence_rate = 0.4 }
  rollback_timing      = { period_s = 60, evaluation_periods = 3, datapoints_to_alarm = 2 }
  key                  = { arn = "arn:aws:kms:us-east-1:123456789012:key/ours" }
}

run "every_alarm_tells_somebody_what_it_means_and_what_to_do" {
  command = plan

  module {
    source = "./modules/observability"
  }

  assert {
    condition = toset(keys(aws_cloudwatch_metric_alarm.this)) == toset([
      "executions-failed", "executions-keep-failing", "executions-timed-out", "failure-queue-not-empty",
      "endpoint-server-errors", "endpoint-client-errors", "endpoint-latency",
      "rollback-5xx-rate", "rollback-4xx-rate", "rollback-latency-p99", "rollback-low-confidence-rate",
      "serialize-errors", "infer-errors", "filter-errors",
      "serialize-throttles", "infer-throttles", "filter-throttles",
      "monitor-silent", "monitor-errors", "capture-stopped", "monitor-behind", "damaged-captures", "drift-warn", "drift-act",
    ])
    error_message = "The alarms must be these."
  }

  assert {
    condition = alltrue([
      for alarm in aws_cloudwatch_metric_alarm.this :
      alarm.alarm_actions == toset([aws_sns_topic.this["alarms"].arn]) && alarm.ok_actions == toset([aws_sns_topic.this["alarms"].arn])
    ])
    error_message = "Every alarm must be published, and so must its end."
  }

  assert {
    condition = alltrue([
      for name, description in merge({ for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.alarm_description }, { unhealthy = aws_cloudwatch_composite_alarm.unhealthy[0].alarm_description }) :
      can(regex("^[A-Z0-9].{40,}\\.\n\nWhat to do: [A-Z`].{40,}\\.\n\nEnvironment: test\\. Severity: (page|inform)\\. More: docs/runbook\\.md#${name}$", description)) && length(description) <= 1024
    ])
    error_message = "Every alarm must say what it means, what to do, where, how urgent it is and where to read on, in the 1024 characters that CloudWatch allows."
  }

  assert {
    condition = alltrue([
      for name, alarm in aws_cloudwatch_metric_alarm.this : alltrue([
        alarm.dimensions == tomap({ FunctionName = "scones-test-${split("-", name)[0]}" }),
        alarm.metric_name == title(split("-", name)[1]),
      ])
      if alarm.namespace == "AWS/Lambda"
    ])
    error_message = "An alarm of a function must look at that function."
  }

  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => alarm.treat_missing_data if alarm.treat_missing_data != "notBreaching" } == {
      monitor-silent = "breaching"
      drift-warn     = "ignore"
      drift-act      = "ignore"
    }
    error_message = "No word of the monitor is never good news, and a verdict on drift stands until the next; of all else, silence is good news."
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
    condition     = { for name, email in aws_sns_topic_subscription.email : name => email.endpoint } == { alarms = "operations@example.com", pages = "on-call@example.com" }
    error_message = "Each address must be subscribed to its topic."
  }

  assert {
    condition = alltrue(flatten([
      for name, topic in aws_sns_topic.this : [
        for statement in jsondecode(topic.policy).Statement :
        statement.Resource == "arn:aws:sns:us-east-1:123456789012:scones-test-${name}" && (statement.Effect == "Deny" ? statement.Condition == { Bool = { "aws:SecureTransport" = "false" } } : alltrue([
          statement.Principal == { Service = "cloudwatch.amazonaws.com" },
          statement.Condition.StringEquals == { "aws:SourceAccount" = "123456789012" },
        ]))
      ]
    ]))
    error_message = "Only alarms of this account may publish, and only over TLS."
  }

  assert {
    condition     = alltrue([for topic in aws_sns_topic.this : topic.kms_master_key_id == "arn:aws:kms:us-east-1:123456789012:key/ours"])
    error_message = "The topics must be encrypted with the key where there is one: CloudWatch cannot use SNS's own."
  }
}

run "one_alarm_pages_when_photographs_are_not_being_classified_and_the_rest_inform" {
  command = plan

  module {
    source = "./modules/observability"
  }

  override_resource {
    target          = aws_sns_topic.this["pages"]
    override_during = plan
    values          = { arn = "arn:aws:sns:us-east-1:123456789012:pages" }
  }

  assert {
    condition     = [for name, alarm in aws_cloudwatch_metric_alarm.this : name if alarm.tags["Severity"] == "page"] == ["executions-keep-failing", "executions-timed-out"]
    error_message = "Only what keeps photographs from being classified, now, may get somebody out of bed."
  }

  assert {
    condition = alltrue([
      aws_cloudwatch_composite_alarm.unhealthy[0].alarm_rule == "ALARM(scones-test-executions-keep-failing) OR ALARM(scones-test-executions-timed-out)",
      aws_cloudwatch_composite_alarm.unhealthy[0].alarm_actions == toset(values(aws_sns_topic.this)[*].arn),
      aws_cloudwatch_composite_alarm.unhealthy[0].ok_actions == toset(values(aws_sns_topic.this)[*].arn),
      aws_cloudwatch_composite_alarm.unhealthy[0].tags["Severity"] == "page",
    ])
    error_message = "The page must be made of these, and reach both topics, and so must its end."
  }

  assert {
    condition = [
      for alarm in [aws_cloudwatch_metric_alarm.this["executions-keep-failing"]] :
      [alarm.period, alarm.datapoints_to_alarm, alarm.evaluation_periods, strcontains(alarm.alarm_description, "in 3 periods of 60 s within 15 min.")]
    ] == [[60, 3, 15, true]]
    error_message = "It must page for failures in three minutes out of fifteen, and say so."
  }
}

run "a_budget_is_told_before_it_is_spent_and_only_where_it_is_asked_for" {
  command = plan

  module {
    source = "./modules/observability"
  }

  variables {
    alarm_email        = "somebody@example.com"
    monthly_budget_usd = 300
  }

  assert {
    condition     = [aws_budgets_budget.month[0].limit_amount, one(aws_budgets_budget.month[0].cost_filter).values] == ["300", tolist(["user:Environment$test"])]
    error_message = "It must count what this environment costs."
  }

  assert {
    condition = {
      for told in aws_budgets_budget.month[0].notification : told.notification_type => [told.threshold, tolist(told.subscriber_email_addresses)]
    } == { ACTUAL = [80, tolist(["somebody@example.com"])], FORECASTED = [100, tolist(["somebody@example.com"])] }
    error_message = "It must tell before the money is spent."
  }
}

run "the_monitor_is_watched_and_what_it_finds" {
  command = plan

  module {
    source = "./modules/observability"
  }

  assert {
    condition = {
      for name in ["monitor-silent", "capture-stopped", "monitor-behind", "damaged-captures", "drift-warn", "drift-act"] : name => [
        for alarm in [aws_cloudwatch_metric_alarm.this[name]] : [alarm.metric_name, alarm.statistic, alarm.comparison_operator, alarm.threshold, alarm.evaluation_periods]
      ][0]
      } == {
      monitor-silent   = ["CapturedInferences", "SampleCount", "LessThanThreshold", 1, 2]
      capture-stopped  = ["CaptureRatio", "Maximum", "LessThanThreshold", 0.5, 2]
      monitor-behind   = ["UnreadFiles", "Minimum", "GreaterThanOrEqualToThreshold", 1, 2]
      damaged-captures = ["DamagedRecords", "Sum", "GreaterThanOrEqualToThreshold", 1, 1]
      drift-warn       = ["DriftSeverity", "Maximum", "GreaterThanOrEqualToThreshold", 2, 1]
      drift-act        = ["DriftSeverity", "Maximum", "GreaterThanOrEqualToThreshold", 3, 1]
    }
    error_message = "The alarms must look at what the monitor publishes."
  }

  assert {
    condition = alltrue([
      for name in ["monitor-silent", "capture-stopped", "monitor-behind", "damaged-captures", "drift-warn", "drift-act"] : alltrue([
        aws_cloudwatch_metric_alarm.this[name].namespace == "scones",
        aws_cloudwatch_metric_alarm.this[name].dimensions == tomap({ Environment = "test", service = "monitor" }),
        aws_cloudwatch_metric_alarm.this[name].period == 3600,
      ])
    ])
    error_message = "They must look at the monitor of this environment, once for each of its windows."
  }

  assert {
    condition     = strcontains(aws_cloudwatch_metric_alarm.this["monitor-silent"].alarm_description, "The monitor has said nothing for 2 h: ")
    error_message = "It must say for how long."
  }
}

run "no_alarm_tells_anybody_while_the_endpoint_is_switched_off" {
  command = plan

  module {
    source = "./modules/observability"
  }

  variables {
    silent = true
  }

  assert {
    condition     = !anytrue(concat(values(aws_cloudwatch_metric_alarm.this)[*].actions_enabled, aws_cloudwatch_composite_alarm.unhealthy[*].actions_enabled))
    error_message = "What was switched off on purpose is no news."
  }
}

run "an_update_is_rolled_back_from_the_limits_on" {
  command = plan

  module {
    source = "./modules/observability"
  }

  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => [alarm.namespace, alarm.metric_name, coalesce(alarm.statistic, alarm.extended_statistic), alarm.threshold] if startswith(name, "rollback-") } == {
      rollback-5xx-rate            = ["AWS/SageMaker", "Invocation5XXErrors", "Average", 0.02]
      rollback-4xx-rate            = ["AWS/SageMaker", "Invocation4XXErrors", "Average", 0.05]
      rollback-latency-p99         = ["AWS/SageMaker", "ModelLatency", "p99", 200000]
      rollback-low-confidence-rate = ["scones", "LowConfidence", "Average", 0.4]
    }
    error_message = "The average of 0 and 1 is the rate; SageMaker reports latency in microseconds, so that 200 ms are 200000."
  }

  assert {
    condition = alltrue([
      for name, alarm in aws_cloudwatch_metric_alarm.this :
      alarm.dimensions == (name == "rollback-low-confidence-rate" ? tomap({ Environment = "test", service = "filter" }) : tomap({ EndpointName = "model", VariantName = "AllTraffic" }))
      if startswith(name, "rollback-")
    ])
    error_message = "The alarms must look at this endpoint's variant, and at the decisions of this environment."
  }

  assert {
    condition = { for name, alarm in aws_cloudwatch_metric_alarm.this : name => [alarm.period, alarm.evaluation_periods, alarm.datapoints_to_alarm] if startswith(name, "rollback-") } == {
      rollback-5xx-rate            = [60, 3, 2]
      rollback-4xx-rate            = [60, 3, 2]
      rollback-latency-p99         = [60, 3, 2]
      rollback-low-confidence-rate = [60, 3, 3]
    }
    error_message = "One stray failure must not roll an update back, nor a few pictures that are hard for any model."
  }

  assert {
    condition     = alltrue([for name, alarm in aws_cloudwatch_metric_alarm.this : alarm.treat_missing_data == "notBreaching" && alarm.comparison_operator == "GreaterThanOrEqualToThreshold" if startswith(name, "rollback-")])
    error_message = "Without traffic nothing is known, and nothing is rolled back."
  }

  assert {
    condition = alltrue([
      startswith(aws_cloudwatch_metric_alarm.this["rollback-5xx-rate"].alarm_description, "The model fails on 2 % or more of the requests, in 2 of the last 3 periods of 60 s. "),
      startswith(aws_cloudwatch_metric_alarm.this["rollback-latency-p99"].alarm_description, "The slowest 1 % of answers take 200 ms or longer, in 2 of the last 3 periods of 60 s. "),
      startswith(aws_cloudwatch_metric_alarm.this["rollback-low-confidence-rate"].alarm_description, "40 % or more of the photographs are left to people, in 3 of the last 3 periods of 60 s. "),
    ])
    error_message = "The descriptions must name the limits in the units that people set them in."
  }

  assert {
    condition = output.rollback_alarm_names == [
      "scones-test-rollback-4xx-rate", "scones-test-rollback-5xx-rate", "scones-test-rollback-latency-p99", "scones-test-rollback-low-confidence-rate",
    ]
    error_message = "These are the alarms that SageMaker must be given."
  }
}

run "the_dashboard_fits_on_one_screen_and_shows_the_limits" {
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
    condition = toset(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets[0].properties.alarms) == toset([
      for name in concat(keys(aws_cloudwatch_metric_alarm.this), ["unhealthy"]) : "arn:aws:cloudwatch:us-east-1:123456789012:alarm:scones-test-${name}"
    ])
    error_message = "The strip must show every alarm."
  }

  assert {
    condition = {
      for widget in jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets :
      widget.properties.title => { for line in widget.properties.annotations.horizontal : line.label => line.value }
      if can(widget.properties.annotations)
      } == {
      "Endpoint: model latency in ms"                         = { alarm = 250, rollback = 200 }
      "Errors: share of the endpoint's answers"               = { "rollback: 4XX" = 0.05, "rollback: 5XX" = 0.02 }
      "Confidence: share left to people, estimated accuracy"  = { rollback = 0.4 }
      "Drift: 0 none, 1 watch, 2 warn, 3 act; share captured" = { warn = 2, act = 3 }
    }
    error_message = "The charts must show the limits, the latency chart in milliseconds."
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
    page_email    = null
  }

  assert {
    condition     = keys(aws_cloudwatch_metric_alarm.this) == ["failure-queue-not-empty"] && length(aws_cloudwatch_composite_alarm.unhealthy) == 0
    error_message = "Alarms on things that do not exist yet would only be noise."
  }

  assert {
    condition     = length(output.rollback_alarm_names) == 0 && length(output.rollback_alarm_arns) == 4
    error_message = "There is nothing to roll back, but SageMaker's role must be ready for it."
  }

  assert {
    condition     = length(aws_sns_topic_subscription.email) == 0
    error_message = "Without an address nobody is subscribed."
  }
}
