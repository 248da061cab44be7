# How the number of the endpoint's instances follows its traffic.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  prefix           = "scones-test"
  endpoint_name    = "model"
  endpoint_variant = "AllTraffic"
  limits = {
    minimum                  = 2
    maximum                  = 5
    invocations_per_instance = 900
    scale_out_cooldown_s     = 60
    scale_in_cooldown_s      = 300
  }
}

run "instances_follow_the_traffic_within_their_limits" {
  command = plan

  module {
    source = "./modules/scaling"
  }

  assert {
    condition = [
      aws_appautoscaling_target.endpoint.resource_id,
      aws_appautoscaling_target.endpoint.min_capacity,
      aws_appautoscaling_target.endpoint.max_capacity,
    ] == ["endpoint/model/variant/AllTraffic", 2, 5]
    error_message = "The variant must be scaled within its limits."
  }

  assert {
    condition = [
      for policy in aws_appautoscaling_policy.invocations.target_tracking_scaling_policy_configuration :
      [policy.target_value, policy.scale_out_cooldown, policy.scale_in_cooldown, policy.predefined_metric_specification[0].predefined_metric_type]
    ] == [[900, 60, 300, "SageMakerVariantInvocationsPerInstance"]]
    error_message = "It must aim at invocations per instance, and wait between changes."
  }

  assert {
    condition     = length(aws_appautoscaling_scheduled_action.this) == 0
    error_message = "Nights are as days unless that is said."
  }
}

run "nights_may_have_fewer_instances" {
  command = plan

  module {
    source = "./modules/scaling"
  }

  variables {
    nights = { begin = "cron(0 20 * * ? *)", end = "cron(0 5 * * ? *)", timezone = "Europe/Berlin", minimum = 1 }
  }

  assert {
    condition = {
      for name, action in aws_appautoscaling_scheduled_action.this :
      name => [action.schedule, action.timezone, action.scalable_target_action[0].min_capacity, action.scalable_target_action[0].max_capacity]
      } == {
      night = ["cron(0 20 * * ? *)", "Europe/Berlin", "1", "5"]
      day   = ["cron(0 5 * * ? *)", "Europe/Berlin", "2", "5"]
    }
    error_message = "The schedule must lower the minimum at night, and raise it in the morning."
  }
}
