"""ISO 8601 text -> seconds since the epoch.

Strict: `datetime.fromisoformat` alone also takes week dates, compact forms and other separators.
"""

import re
from datetime import UTC, datetime, timedelta

from serving.errors import InputValueError

_ISO = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[T ](?P<time>[0-9]{2}(?::[0-9]{2}(?::[0-9]{2})?)?)"
    r"(?:(?<=:[0-9]{2}:[0-9]{2})\.(?P<fraction>[0-9]{1,9}))?"  # after seconds only
    r"(?P<zone>Z|[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?)?"
)
_EXAMPLES = {
    False: '"2013-10-01" or "2013-10-01T05:30:00"',
    True: '"2013-10-01T05:30:00Z" or "2013-10-01T05:30:00+02:00"',
}
EPOCH = datetime(1970, 1, 1)
EPOCH_UTC = datetime(1970, 1, 1, tzinfo=UTC)


def seconds_since_epoch(text: str, *, zoned: bool) -> float:
    """Seconds since 1970-01-01T00:00:00, rounded once, to the nearest float64.

    Blanks around the text are ignored. Raises InputValueError with the rule.

    zoned: the text must end with `Z` or an offset, and the seconds are of UTC; otherwise it must have neither, and they
    are of the wall clock.

    >>> seconds_since_epoch("1970-01-02", zoned=False)
    86400.0
    >>> seconds_since_epoch("1970-01-01T02:00:00.5+02:00", zoned=True)
    0.5
    """
    match = _ISO.fullmatch(text.strip())
    if match is None:
        raise InputValueError(f"must be ISO 8601 text as {_EXAMPLES[zoned]}, or null")
    date, time, fraction, zone = match.groups()
    if zoned and zone is None:
        raise InputValueError(f'must have a time and a zone, "Z" for UTC or an offset: {_EXAMPLES[True]}')
    if zone is not None and not zoned:
        raise InputValueError(f"must be without a zone or offset; send the local time and leave out {zone}")
    try:
        timestamp = datetime.fromisoformat(f"{date}T{time or '00:00'}{zone or ''}")
    except ValueError as error:
        raise InputValueError(f"must be a date and time that exist ({error})") from error
    elapsed = timestamp - (EPOCH_UTC if zoned else EPOCH)  # exact, even if UTC is outside of the years 1 to 9999
    nanoseconds = elapsed // timedelta(seconds=1) * 10**9 + int((fraction or "0").ljust(9, "0"))
    return nanoseconds / 10**9
