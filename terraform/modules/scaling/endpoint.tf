# The number of instances follows the traffic. The endpoint itself is not Terraform's: an update keeps
# the number that it has (RetainAllVariantProperties), and its name, so this stays registered.
resource "aws_appautoscaling_target" "endpoint" {
  service_namespace  = "sagemaker"
  scalable_dimension = "sagemaker:variant:DesiredInstanceCount"
  resource_id        = "endpoint/${var.endpoint_name}/variant/${var.endpoint_variant}"
  min_capacity       = var.limits.minimum
  max_capacity       = var.limits.maximum
}

resource "aws_appautoscaling_policy" "invocations" {
  name               = "${var.prefix}-invocations-per-instance"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.endpoint.service_namespace
  scalable_dimension = aws_appautoscaling_target.endpoint.scalable_dimension
  resource_id        = aws_appautoscaling_target.endpoint.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.limits.invocations_per_instance
    scale_out_cooldown = var.limits.scale_out_cooldown_s
    scale_in_cooldown  = var.limits.scale_in_cooldown_s

    predefined_metric_specification {
      predefined_metric_type = "SageMakerVariantInvocationsPerInstance"
    }
  }
}

# Fewer at night, and back in the morning; the policy goes on in between.
resource "aws_appautoscaling_scheduled_action" "this" {
  for_each = var.nights == null ? {} : {
    night = { schedule = var.nights.begin, minimum = var.nights.minimum }
    day   = { schedule = var.nights.end, minimum = var.limits.minimum }
  }

  name               = "${var.prefix}-${each.key}"
  service_namespace  = aws_appautoscaling_target.endpoint.service_namespace
  scalable_dimension = aws_appautoscaling_target.endpoint.scalable_dimension
  resource_id        = aws_appautoscaling_target.endpoint.resource_id
  schedule           = each.value.schedule
  timezone           = var.nights.timezone

  scalable_target_action {
    min_capacity = each.value.minimum
    max_capacity = var.limits.maximum
  }
}
