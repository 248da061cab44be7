"""Training jobs: what each algorithm asks SageMaker for, and how a job is followed."""
