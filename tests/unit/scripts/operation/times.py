"""The period that tests of an environment in use are about."""

from datetime import UTC, datetime, timedelta

NOW = datetime.now(UTC).replace(microsecond=0)
START = NOW - timedelta(minutes=30)
