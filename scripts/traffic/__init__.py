"""Drivers who are not there: their photographs, sent as they would send them, and what came of it.

`plan` says what is sent and when, `pictures` makes it, `drivers` sends it (a process of its own,
driven by Locust), `outcome` counts, `run` puts them together.
"""
