# Values that would make a wrong environment are refused before anything is planned.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  environment = "test"
}

run "a_threshold_above_one_is_refused" {
  command = plan

  variables {
    confidence_threshold = 1.01
  }

  expect_failures = [var.confidence_threshold]
}

run "a_threshold_that_no_answer_can_miss_is_refused" {
  command = plan

  variables {
    confidence_threshold = 0.49
  }

  expect_failures = [var.confidence_threshold]
}

run "with_more_labels_a_lower_threshold_makes_sense" {
  command = plan

  variables {
    labels               = ["bicycle", "motorcycle", "car"]
    confidence_threshold = 0.4
    assignments = {
      bicycle    = { loading_bay = "A", max_distance_km = 3 }
      motorcycle = { loading_bay = "B", max_distance_km = 15 }
      car        = { loading_bay = "C", max_distance_km = 30 }
    }
  }

  assert {
    condition     = var.confidence_threshold == 0.4
    error_message = "A threshold above chance must be accepted."
  }
}

run "fewer_than_two_labels_are_refused" {
  command = plan

  variables {
    labels               = ["bicycle"]
    confidence_threshold = 1
    assignments          = { bicycle = { loading_bay = "A", max_distance_km = 3 } }
  }

  expect_failures = [var.labels]
}

run "labels_that_would_not_survive_their_comma_separated_list_are_refused" {
  command = plan

  variables {
    labels      = ["bicycle,tandem", "motorcycle"]
    assignments = { "bicycle,tandem" = { loading_bay = "A", max_distance_km = 3 }, motorcycle = { loading_bay = "B", max_distance_km = 15 } }
  }

  expect_failures = [var.labels]
}

run "an_environment_whose_roles_would_be_those_of_githubs_workflows_is_refused" {
  command = plan

  variables {
    environment = "github"
  }

  expect_failures = [var.environment]
}

run "every_other_value_that_cannot_work_is_refused" {
  command = plan

  variables {
    environment             = "Dev_1"      # no name for a bucket
    project                 = "s"          # too short to be told apart
    region                  = "cn-north-1" # another partition: other ARNs
    account_id              = "12345"      # no account
    permissions_boundary    = "arn:aws:iam::123456789012:role/admin"
    endpoint_name           = "" # neither a name nor null
    endpoint_variant        = "all traffic"
    image_size_px           = 512 # a larger picture may not fit through the workflow
    low_confidence_action   = "ignore"
    assignments             = { bicycle = { loading_bay = "A", max_distance_km = 3 } } # motorcycle is missing
    lambda_runtime          = "python3.8"
    lambda_architecture     = "arm"
    upload_retention_days   = 0
    capture_retention_days  = 0
    decision_retention_days = 0
    log_retention_days      = 10 # CloudWatch Logs does not offer it
    alarm_email             = "nobody"
    page_email              = "nobody"
    latency_threshold_ms    = 1000000 # microseconds by mistake
    rollback_limits         = { latency_ms = 500000 }
    endpoint_scaling        = { minimum = 3, maximum = 2 }
  }

  expect_failures = [
    var.environment,
    var.project,
    var.region,
    var.account_id,
    var.permissions_boundary,
    var.endpoint_name,
    var.endpoint_variant,
    var.image_size_px,
    var.low_confidence_action,
    var.assignments,
    var.lambda_runtime,
    var.lambda_architecture,
    var.upload_retention_days,
    var.capture_retention_days,
    var.decision_retention_days,
    var.log_retention_days,
    var.alarm_email,
    var.page_email,
    var.latency_threshold_ms,
    var.rollback_limits,
    var.endpoint_scaling,
  ]
}

run "a_night_that_begins_at_no_time_is_refused" {
  command = plan

  variables {
    endpoint_nights = { begin = "cron(0 20 * * * *)", end = "cron(0 5 * * ? *)" } # of the two fields of a day one is ?
  }

  expect_failures = [var.endpoint_nights]
}

run "a_night_without_an_instance_is_refused" {
  command = plan

  variables {
    endpoint_nights = { begin = "cron(0 20 * * ? *)", end = "cron(0 5 ? * MON-FRI *)", minimum = 0 }
  }

  expect_failures = [var.endpoint_nights]
}

run "a_batch_that_would_never_end_is_refused" {
  command = plan

  variables {
    batch_limits = { concurrency = 0 }
  }

  expect_failures = [var.batch_limits]
}

run "a_batch_that_the_endpoint_could_not_answer_is_refused" {
  command = plan

  variables {
    endpoint_scaling = { maximum = 4 }
    batch_limits     = { concurrency = 401 }
  }

  expect_failures = [var.batch_limits]
}

run "a_rate_that_every_update_reaches_is_refused" {
  command = plan

  variables {
    rollback_limits = { server_error_rate = 0 }
  }

  expect_failures = [var.rollback_limits]
}

run "a_rate_in_per_cent_is_refused" {
  command = plan

  variables {
    rollback_limits = { low_confidence_rate = 40 }
  }

  expect_failures = [var.rollback_limits]
}

run "what_only_the_local_cloud_can_do_is_refused_on_aws" {
  command = plan

  variables {
    expire_objects          = false # objects would be kept for ever
    monitor_metric_period_s = 1     # CloudWatch adds up by the minute
    rollback_timing         = { period_s = 10 }
    alarm_timing            = { period_s = 10 }
  }

  expect_failures = [
    var.expire_objects,
    var.monitor_metric_period_s,
    var.rollback_timing,
    var.alarm_timing,
  ]
}

run "periods_that_do_not_fit_together_are_refused" {
  command = plan

  variables {
    alarm_timing    = { period_s = 120 }         # the long period is not filled by the short ones
    rollback_timing = { evaluation_periods = 1 } # more datapoints than periods
  }

  expect_failures = [var.alarm_timing, var.rollback_timing]
}

run "a_period_that_cloudwatch_does_not_offer_is_refused" {
  command = plan

  variables {
    rollback_timing = { period_s = 90 }
    alarm_timing    = { monitor_period_s = 90 }
  }

  expect_failures = [var.rollback_timing, var.alarm_timing]
}

run "the_local_cloud_may_look_every_ten_seconds" {
  command = plan

  variables {
    environment     = "local"
    rollback_timing = { period_s = 10, evaluation_periods = 2, datapoints_to_alarm = 2 }
    rollback_limits = { latency_ms = 250 }
    alarm_timing    = { period_s = 10, long_period_s = 10 }
  }

  assert {
    condition     = var.rollback_timing.period_s == 10 && var.alarm_timing.period_s == 10 && var.alarm_timing.monitor_period_s == 3600 && var.rollback_limits.latency_ms == 250 && var.rollback_limits.server_error_rate == 0.02
    error_message = "Locally the metrics arrive every second, and what is not set keeps its default."
  }
}

run "a_monitor_that_is_slower_than_its_alarms_expect_is_refused" {
  command = plan

  variables {
    monitor_schedule = "rate(2 hours)"
  }

  expect_failures = [var.monitor_schedule]
}

run "a_monitor_may_run_as_seldom_as_its_alarms_expect" {
  command = plan

  variables {
    monitor_schedule = "rate(2 hours)"
    alarm_timing     = { monitor_period_s = 7200 }
  }

  assert {
    condition     = var.monitor_schedule == "rate(2 hours)"
    error_message = "A schedule that its alarms allow for must be accepted."
  }
}

run "a_schedule_that_is_no_rate_is_refused" {
  command = plan

  variables {
    monitor_schedule = "rate(1 hours)"
  }

  expect_failures = [var.monitor_schedule]
}

run "a_budget_that_nobody_is_told_of_is_refused" {
  command = plan

  variables {
    monthly_budget_usd = 300
  }

  expect_failures = [var.monthly_budget_usd]
}
