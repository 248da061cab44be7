"""What the Lambda functions share, shipped as their layer."""
