# The one table to review: what each role may do, and to what. A "*" stands only where AWS offers
# nothing narrower, with the reason beside it.
locals {
  permissions = {
    serialize = merge(local.function_permissions["serialize"], {
      ReadUploads = {
        actions   = ["s3:GetObject", "s3:GetObjectVersion"]
        resources = [for folder in var.upload_prefixes : "${var.arns.uploads_bucket}/${folder}*"]
      }
      # Without it S3 answers 403 instead of 404 for a missing object, and a photograph that was
      # deleted in time would look like a fault of ours. S3 ignores s3:prefix conditions there.
      TellMissingFromForbidden = {
        actions   = ["s3:ListBucket"]
        resources = [var.arns.uploads_bucket]
      }
    })

    infer = merge(local.function_permissions["infer"], {
      AskTheModel = {
        actions   = ["sagemaker:InvokeEndpoint"]
        resources = [var.arns.endpoint]
      }
    })

    filter = local.function_permissions["filter"]

    monitor = merge(local.function_permissions["monitor"], {
      ReadCaptures = {
        actions   = ["s3:GetObject"]
        resources = ["${var.arns.artifacts_bucket}/captures/*", "${var.arns.artifacts_bucket}/deployments/current.json"]
      }
      KeepItsRecords = {
        actions   = ["s3:GetObject", "s3:PutObject"]
        resources = ["${var.arns.artifacts_bucket}/monitoring/*"]
      }
      FindFiles = {
        actions   = ["s3:ListBucket"]
        resources = [var.arns.artifacts_bucket]
        condition = { StringLike = { "s3:prefix" = ["captures/*", "monitoring/*"] } }
      }
      # GetMetricData knows no resources, and no condition that would tell metrics apart.
      CountTraffic = {
        actions   = ["cloudwatch:GetMetricData"]
        resources = ["*"]
      }
      TellOfDrift = {
        actions   = ["events:PutEvents"]
        resources = [var.arns.event_bus]
        condition = { StringEquals = { "events:source" = "scones.monitor", "events:detail-type" = "DriftDetected" } }
      }
    })

    workflow = merge(local.state_machine_permissions, local.classifying_permissions)

    # Its children run as this role, too.
    batch = merge(local.state_machine_permissions, local.classifying_permissions, {
      StartChildren = {
        actions   = ["states:StartExecution"]
        resources = [var.arns.batch]
      }
      # As AWS's page on policies for Distributed Map has it, for the run itself, and for the children.
      FollowChildren = {
        actions   = ["states:DescribeExecution"]
        resources = ["${var.arns.batch_runs}:*", "${var.arns.batch_children}/*:*:*"]
      }
      StopRuns = {
        actions   = ["states:StopExecution"]
        resources = ["${var.arns.batch_runs}:*"]
      }
      ReadManifests = {
        actions   = ["s3:GetObject"]
        resources = ["${var.arns.artifacts_bucket}/batches/*"]
      }
      WriteResults = {
        actions   = ["s3:PutObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"]
        resources = ["${var.arns.artifacts_bucket}/batches/*"]
      }
    })

    reporter = merge(local.state_machine_permissions, {
      # Receiving is looking: without DeleteMessage nothing can get lost here.
      LookAtFailures = {
        actions   = ["sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
        resources = [var.arns.failures_queue]
      }
      TellPeople = {
        actions   = ["sns:Publish"]
        resources = [var.arns.alarm_topic]
      }
    })

    events = {
      StartExecutions = {
        actions   = ["states:StartExecution"]
        resources = [var.arns.state_machine, var.arns.failure_report]
      }
    }

    sagemaker = {
      ReadInputs = {
        actions   = ["s3:GetObject"]
        resources = [for folder in ["datasets", "training", "models"] : "${var.arns.artifacts_bucket}/${folder}/*"]
      }
      WriteResults = {
        actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
        resources = [for folder in ["models", "captures", "transforms"] : "${var.arns.artifacts_bucket}/${folder}/*"]
      }
      FindInputs = {
        actions   = ["s3:ListBucket"]
        resources = [var.arns.artifacts_bucket]
        condition = { StringLike = { "s3:prefix" = [for folder in ["datasets", "training", "models", "captures", "transforms"] : "${folder}/*"] } }
      }
      # SageMaker names its log groups after the kind of job, and its streams after the job.
      WriteLogs = {
        actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
        resources = ["arn:aws:logs:${var.region}:${var.account_id}:log-group:/aws/sagemaker/*"]
      }
      # PutMetricData knows no resources; the condition is what AWS offers instead.
      PublishMetrics = {
        actions   = ["cloudwatch:PutMetricData"]
        resources = ["*"]
        condition = { StringLike = { "cloudwatch:namespace" = ["AWS/SageMaker", "/aws/sagemaker/*"] } }
      }
      # SageMaker asks in the name of the endpoint's role whether an update has to be rolled back. The
      # action knows alarms as resources; only composite alarms would need "*".
      ReadRollbackAlarms = {
        actions   = ["cloudwatch:DescribeAlarms"]
        resources = var.arns.rollback_alarms
      }
      # A registry token is for the whole registry: the action knows no resources.
      LogInToRegistry = {
        actions   = ["ecr:GetAuthorizationToken"]
        resources = ["*"]
      }
      # AWS keeps its images in an account that differs by region, hence the missing account.
      PullImages = {
        actions = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        resources = [
          for repository in ["pytorch-training", "pytorch-inference", "image-classification"] :
          "arn:aws:ecr:${var.region}:*:repository/${repository}"
        ]
      }
    }
  }

  # What it takes to classify a photograph, once or in a batch.
  classifying_permissions = {
    RunSteps = {
      actions   = ["lambda:InvokeFunction"]
      resources = [for name in ["serialize", "infer", "filter"] : var.arns.function[name]]
    }
    RecordDecisions = {
      actions   = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
      resources = [var.arns.decisions_table]
    }
    QueueCases = {
      actions   = ["sqs:SendMessage"]
      resources = [var.arns.review_queue, var.arns.failures_queue]
    }
    PublishDecisions = {
      actions   = ["events:PutEvents"]
      resources = [var.arns.event_bus]
      condition = { StringEquals = { "events:source" = "scones.classifier", "events:detail-type" = "VehicleClassified" } }
    }
  }

  # What every state machine needs.
  state_machine_permissions = {
    # Log delivery is set up by the state machine's role, and its actions know no resources.
    DeliverLogs = {
      actions = [
        "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:ListLogDeliveries",
        "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:PutResourcePolicy",
      ]
      resources = ["*"]
    }
    # X-Ray has no resources to narrow these to; the same holds for the functions below.
    Trace = {
      actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"]
      resources = ["*"]
    }
  }

  # What every function needs. Streams are named by Lambda, hence the end of the ARN.
  function_permissions = {
    for name, log_group in var.arns.function_logs : name => {
      WriteLogs = {
        actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        resources = ["${log_group}:*"]
      }
      Trace = {
        actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
        resources = ["*"]
      }
    }
  }
}
