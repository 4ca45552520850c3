"""Decides whether a destination may be used at a moment, by its schedule. Pure: the moment is an argument.

A schedule is what a person means, so it is read against the clock on the wall: after a step of that clock it is
the new time that counts, as soon as somebody looks.
"""

from __future__ import annotations

from datetime import datetime

from appliance.config.week import Week


def opens_in(schedule: Week | None, moment: datetime | None) -> float:
    """Seconds until the destination may be used, 0.0 for now.

    `moment` is local time, None while the clock is not set: then nothing is held back, as `hours` refuse nobody. Where
    the clock is put forward or back for summer within the wait, that is an hour off; who waits asks again meanwhile.
    """
    return 0.0 if schedule is None or moment is None else schedule.opens_in(moment)
