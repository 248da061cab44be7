# What differs between the functions. A timeout must leave room for the function's own client
# timeouts, and fit into the timeout of its state in the workflow.
locals {
  functions = {
    serialize = {
      description = "Reads one uploaded photograph, checks it, and reduces it to the model's input."
      timeout_s   = 15
      layers      = ["common"]
      memory_mb   = 1024 # the largest upload takes 889 MB; more is faster and dearer (docs/cost.md)
      environment = merge(local.metrics, {
        UPLOADS_BUCKET   = var.uploads_bucket
        ALLOWED_PREFIXES = join(",", var.upload_prefixes)
        IMAGE_SIZE_PX    = tostring(var.image_size_px)
        MAX_UPLOAD_BYTES = tostring(25 * 1024 * 1024)
        MAX_PIXELS       = "50000000"
      })
    }

    infer = {
      description = "Asks the endpoint for class probabilities and checks its answer."
      timeout_s   = 12
      layers      = ["common"]
      memory_mb   = 256
      environment = merge(local.metrics, {
        ENDPOINT_NAME = var.endpoint_name
        LABELS        = join(",", var.labels)
      })
    }

    filter = {
      description = "Compares the confidence with the threshold and finds the driver's assignment."
      timeout_s   = 3
      layers      = ["common"]
      memory_mb   = 256
      environment = merge(local.metrics, {
        CONFIDENCE_THRESHOLD  = tostring(var.confidence_threshold)
        LOW_CONFIDENCE_ACTION = var.low_confidence_action
        ASSIGNMENTS           = jsonencode(var.assignments)
      })
    }

    monitor = {
      description = "Compares what the endpoint was asked and answered with the model's baseline."
      timeout_s   = 60
      layers      = ["common", "numpy"]
      memory_mb   = 512
      environment = merge(local.metrics, {
        ARTIFACTS_BUCKET      = var.artifacts_bucket
        ENDPOINT_NAME         = var.endpoint_name
        ENDPOINT_VARIANT      = var.endpoint_variant
        STATE_MACHINE_ARN     = var.state_machine_arn
        METRIC_PERIOD_S       = tostring(var.metric_period_s)
        LOW_CONFIDENCE_ACTION = var.low_confidence_action
      })
    }
  }

  layers = {
    common = { package = "layer", description = "Pillow, Powertools and the code that the functions share." }
    numpy  = { package = "numpy", description = "NumPy, for the monitor's statistics." }
  }

  # Where a function's own metrics belong.
  metrics = {
    METRIC_NAMESPACE = var.metric_namespace
    ENVIRONMENT      = var.environment
  }

  packages = { for name in concat(keys(local.functions), [for layer in local.layers : layer.package]) : name => "${var.package_dir}/${name}.zip" }
}
