"""The model as a map of the file: which table is where, which keys it has, where a key belongs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, get_args

from pydantic.fields import FieldInfo

from appliance.config.destinations import KINDS, Destination
from appliance.config.model import Config
from appliance.config.section import Section

Place = tuple[str | int, ...]

SECTIONS = (*Config.model_fields, "sensor.server")
"""What has a header of its own."""


def section_at(place: Place) -> type[Section] | None:
    """The model of the table at `place`."""
    section: type[Section] | None = Config
    for part in place:
        if part in KINDS and section and issubclass(section, Destination):
            section = KINDS[str(part)]
        elif isinstance(part, str):
            field = section.model_fields.get(part) if section else None
            section = inner_section(field.annotation) if field else None
    return section


def field_at(place: Place) -> FieldInfo | None:
    """The field of the key at `place`."""
    section = section_at(place[:-1])
    return section.model_fields.get(str(place[-1])) if section else None


def inner_section(annotation: Any) -> type[Section] | None:
    """The model of the tables that a key holds; None where it holds values."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next((found for each in get_args(annotation) if (found := inner_section(each))), None)


def is_list(field: FieldInfo) -> bool:
    """Whether it holds several."""
    return Ellipsis in get_args(field.annotation)


def brackets(section: str) -> str:
    """A section by its header, "[sensor]" or "[[sensor.server]]"."""
    field = field_at(tuple(section.split(".")))
    return f"[[{section}]]" if field and is_list(field) else f"[{section}]"


def keys_of(section: str) -> Collection[str]:
    """The keys that a section may have, of a destination those of all kinds."""
    if section == "destination":
        return {key for model in KINDS.values() for key in model.model_fields}
    inner = section_at(tuple(section.split(".")))
    return inner.model_fields if inner else ()


def home(place: Place) -> str:
    """Another section that has a key of the name of that at `place`, or ""."""
    return next((name for name in SECTIONS if name != place[0] and str(place[-1]) in keys_of(name)), "")
