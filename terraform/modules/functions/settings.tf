# What differs between the functions. A timeout must leave room for the function's own client
# timeouts, and fit into the timeout of its state in the workflow.
locals {
  functions = {
    serialize = {
      description = "Reads one uploaded photograph, checks it, and reduces it to the model's input."
      timeout_s   = 15
      memory_mb   = 1769 # one whole processor: decoding up to 50 megapixels is all it does
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
      memory_mb   = 256
      environment = {
        ENDPOINT_NAME = var.endpoint_name
        LABELS        = join(",", var.labels)
      }
    }

    filter = {
      description = "Compares the confidence with the threshold and finds the driver's assignment."
      timeout_s   = 3
      memory_mb   = 256
      environment = merge(local.metrics, {
        CONFIDENCE_THRESHOLD  = tostring(var.confidence_threshold)
        LOW_CONFIDENCE_ACTION = var.low_confidence_action
        ASSIGNMENTS           = jsonencode(var.assignments)
      })
    }
  }

  # Where a function's own metrics belong.
  metrics = {
    METRIC_NAMESPACE = var.metric_namespace
    ENVIRONMENT      = var.environment
  }

  packages = { for name in concat(keys(local.functions), ["layer"]) : name => "${var.package_dir}/${name}.zip" }
}
