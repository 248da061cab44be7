"""AWS on this machine: ministack, plus the SageMaker and Application Auto Scaling it lacks.

Only scripts/commands and the tests import this package; nothing that runs on AWS knows of it.
"""
