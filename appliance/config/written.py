"""A configuration as a document again: what is in force, every default included, as people would write it.

What it gives loads to the same configuration. Passcodes are kept as they are in the file, salted and hashed.
"""

from __future__ import annotations

from typing import Any

from appliance.config.model import Config, UserIdentity, When
from appliance.config.section import Section
from appliance.config.values import HostPort, Share

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def written(section: Section) -> dict[str, Any]:
    """The keys of a section with their values, those that are not set or empty left out."""
    return {
        name: _value(value, name)
        for name in type(section).model_fields
        if (value := getattr(section, name)) not in (None, (), {})
    }


def departures(config: Config) -> dict[str, Any]:
    """What differs from the defaults: the keys that somebody chose, by section."""
    return {name: kept for name in type(config).model_fields if (kept := _departing(getattr(config, name), name))}


def _departing(value: Any, name: str) -> Any:
    if isinstance(value, tuple) and value and isinstance(value[0], Section):
        return [_departing(each, name) for each in value]
    if not isinstance(value, Section):
        return None if value is None else _value(value, name)
    kept = {}
    for key, field in type(value).model_fields.items():
        mine = getattr(value, key)
        if mine in (None, (), {}) or (not field.is_required() and mine == field.get_default(call_default_factory=True)):
            continue
        kept[key] = _departing(mine, key)
    return kept


def _value(value: Any, name: str) -> Any:
    match value:
        case When() | UserIdentity():  # of these, some keys may stand beside certain others only
            return _departing(value, name)
        case Section():
            return written(value)
        case tuple():
            return [_value(each, name) for each in value]
        case dict():
            return {key: _value(each, name) for key, each in value.items()}
        case bool() | int() | str():
            return value
        case float():
            return duration(value)
        case Share():
            return f"{value.bytes}B" if value.bytes else f"{value.fraction * 100:g}%"
        case HostPort() if name == "syslog":
            return f"tls://{value}"
    return str(value)


def duration(seconds: float) -> str:
    """In the largest unit in which it is a whole number."""
    for unit, length in _UNITS:
        if seconds >= length and seconds % length == 0:
            return f"{int(seconds // length)}{unit}"
    return f"{round(seconds * 1000)}ms"
