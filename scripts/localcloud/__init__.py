"""AWS on this machine: ministack, plus the SageMaker and Application Auto Scaling it lacks.

Only tasks.py and the tests import this package; nothing that runs on AWS knows that it exists.
"""
