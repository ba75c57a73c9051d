"""Schedules of CronJobs: five-field cron expressions, as github.com/robfig/cron reads them."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from kubeworld.machine.integers import natural

_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MACROS = {
    "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}  # fmt: skip
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES = {name: at for at, name in enumerate(_MONTHS, 1)} | {name: at for at, name in enumerate(_DAYS)}
Schedule = tuple[frozenset[int], frozenset[int], frozenset[int], frozenset[int], frozenset[int], bool, bool]
"""Minutes, hours, days, months, weekdays (0 is Sunday), and whether days and weekdays are restricted."""


def parse(text: str) -> Schedule:
    """A five-field cron expression or a macro. Raises: ValueError."""
    fields = _MACROS.get(text.strip(), text).split()
    if len(fields) != 5:
        raise ValueError(f"expected exactly 5 fields, found {len(fields)}: [{text}]")
    minutes, hours, days, months, weekdays = (
        _field(field, low, high) for field, (low, high) in zip(fields, _RANGES, strict=True)
    )
    weekdays = frozenset(day % 7 for day in weekdays)
    return minutes, hours, days, months, weekdays, not fields[2].startswith("*"), not fields[4].startswith("*")


def schedule_problem(text: str) -> str:
    """Why a schedule cannot be followed, or nothing."""
    if "TZ" in text:
        return "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return ""


def is_zone(name: str) -> bool:
    """Whether a time zone is known by this name."""
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True


def _field(text: str, low: int, high: int) -> frozenset[int]:
    values: set[int] = set()
    for part in text.split(","):
        span, _, step_text = part.partition("/")
        step = int(step_text) if step_text else 1
        if span in ("*", "?"):
            first, last = low, high
        else:
            first_text, dash, last_text = span.partition("-")
            first = _number(first_text)
            last = _number(last_text) if dash else (high if step_text else first)
        # Words of github.com/robfig/cron, which validation of CronJobs passes on.
        if first < low:
            raise ValueError(f"beginning of range ({first}) below minimum ({low}): {part}")
        if last > high:
            raise ValueError(f"end of range ({last}) above maximum ({high}): {part}")
        if first > last:
            raise ValueError(f"beginning of range ({first}) beyond end of range ({last}): {part}")
        if step < 1:
            raise ValueError(f"step of range should be a positive number: {part}")
        values.update(range(first, last + 1, step))
    return frozenset(values)


def _number(text: str) -> int:
    known = _NAMES.get(text.lower())
    if known is not None:
        return known
    number = natural(text)
    if number is None:
        raise ValueError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    return number


def next_time(schedule: Schedule, after: datetime) -> datetime | None:
    """The first matching minute after a moment, within five years."""
    minutes, hours, days, months, weekdays, by_day, by_weekday = schedule
    at = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
    limit = after + timedelta(days=5 * 366)
    while at < limit:
        day_matches, weekday_matches = at.day in days, (at.weekday() + 1) % 7 in weekdays
        # Both restricted: either suffices, as in Vixie cron.
        on_day = day_matches or weekday_matches if by_day and by_weekday else day_matches and weekday_matches
        if at.month not in months or not on_day:
            at = at.replace(hour=0, minute=0) + timedelta(days=1)
        elif at.hour not in hours:
            at = at.replace(minute=0) + timedelta(hours=1)
        elif at.minute not in minutes:
            at += timedelta(minutes=1)
        else:
            return at
    return None
