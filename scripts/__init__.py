"""The Python that builds and operates the classifier; tasks.py is its face."""
