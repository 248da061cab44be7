"""Scheduled actions of Application Auto Scaling: other limits for a variant, at their times."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class ScheduledAction:
    """Least and most instances from a time on; None: as before. `schedule` is AWS's cron(...)."""

    name: str
    schedule: str
    timezone: str = "UTC"
    minimum: int | None = None
    maximum: int | None = None


def next_time(schedule: str, timezone: str, after: datetime) -> datetime | None:
    """The first minute later than `after` that a schedule names; None within four years.

    Raises ValueError when `schedule` or `timezone` is none.
    """
    # Imported late: most clouds have no schedule, and this is a fifth of a second.
    from ministack.services import eventbridge

    not_cron = f"{schedule} is no cron expression of AWS, such as cron(0 20 * * ? *)."
    fields = eventbridge._parse_cron_fields(schedule)
    if fields is None:
        raise ValueError(not_cron)
    try:
        zone = ZoneInfo(timezone)
    except (OSError, ValueError, KeyError):  # a folder, a path out of the database, no such name
        raise ValueError(f"{timezone} is no time zone.") from None
    try:
        found: datetime | None = eventbridge._cron_next_fire(fields, after.astimezone(zone))
    except ValueError:  # a minute 99
        raise ValueError(not_cron) from None
    return found


def due(
    actions: Sequence[ScheduledAction], since: datetime, until: datetime
) -> list[ScheduledAction]:
    """What is to be done of the time after `since` up to `until`, the earliest first."""
    times = [(next_time(action.schedule, action.timezone, since), action) for action in actions]
    found = [(time, action) for time, action in times if time is not None and time <= until]
    return [action for _, action in sorted(found, key=lambda one: one[0])]
