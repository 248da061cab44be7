"""A model's answers, what they are worth, and whether it may replace the champion."""
