"""Environment variables with which every handler can be imported."""

BUCKET = "scones-test-uploads-123456789012"

ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_SERVICE_NAME": "test",
    "UPLOADS_BUCKET": BUCKET,
    "ALLOWED_PREFIXES": "incoming/,adhoc/",
    "IMAGE_SIZE_PX": "128",
    "MAX_UPLOAD_BYTES": "26214400",
    "MAX_PIXELS": "50000000",
    "ARTIFACTS_BUCKET": "scones-test-artifacts-123456789012",
    "ENDPOINT_NAME": "scones-test",
    "ENDPOINT_VARIANT": "AllTraffic",
    "STATE_MACHINE_ARN": "arn:aws:states:us-east-1:123456789012:stateMachine:classify",
    "METRIC_PERIOD_S": "60",
    "LABELS": "bicycle,motorcycle",
    "CONFIDENCE_THRESHOLD": "0.8",
    "LOW_CONFIDENCE_ACTION": "review",
    "METRIC_NAMESPACE": "scones",
    "ENVIRONMENT": "test",
    "ASSIGNMENTS": '{"bicycle": {"loading_bay": "A", "max_distance_km": 5},'
    ' "motorcycle": {"loading_bay": "B", "max_distance_km": 25.5}}',
}
