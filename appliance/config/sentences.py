"""What pydantic found, as sentences for the person who wrote the file.

A table by kind of error; pydantic's own words never pass through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from appliance.config.anatomy import Place, brackets, field_at, home, section_at
from appliance.config.destinations import KINDS
from appliance.config.meant import kind_key, meant_at, meant_place
from appliance.config.model import Config
from appliance.config.words import choice, is_secret, kind, listed, lookalike, nearest, shown


def sentences(error: ValidationError) -> Iterator[tuple[Place, str]]:
    """Each thing that is wrong, as the place in the file and what to say of it."""
    found = error.errors(include_url=False)
    renamed = {meant_place(each["loc"]) for each in found if each["type"] == "extra_forbidden"}
    empty: dict[Place, list[str]] = {}
    for each in found:
        if each["type"] == "missing" and each["input"] == {} and len(each["loc"]) > 1:
            empty.setdefault(each["loc"][:-1], []).append(str(each["loc"][-1]))
    for each in found:
        place: Place = each["loc"]
        if each["type"] == "too_short" and each["input"]:
            continue  # pydantic counts the items that passed; those that did not are said by themselves
        if each["type"] == "missing" and place in renamed:
            continue  # it is there under another name, which is said
        if each["type"] == "missing" and len(empty.get(place[:-1], ())) > 1:
            if place == (*place[:-1], empty[place[:-1]][0]):
                yield _as_written(place[:-1], each), f"nothing stands in it; it needs {listed(empty[place[:-1]])}"
            continue
        yield _as_written(place, each), _SENTENCES.get(each["type"], _unfit)(place, each)


def renamings(error: ValidationError) -> Iterator[tuple[Place, Place]]:
    """Keys that stand under another name, or elsewhere: where they are, and where they belong."""
    for each in error.errors(include_url=False):
        place: Place = each["loc"]
        if each["type"] == "union_tag_not_found" and (key := kind_key(each["input"])):
            yield (*place, key), (*place, "kind")
        if each["type"] == "extra_forbidden" and (better := meant_place(place)):
            yield _as_written(place, each), (*better[:2], *better[3:]) if _kind(better) else better


def _as_written(place: Place, each: ErrorDetails) -> Place:
    """pydantic puts the kind of a destination behind its number, and names no key where the kind itself is wrong."""
    if each["type"] == "union_tag_not_found":
        return (*place, kind_key(each["input"]) or "kind")
    if each["type"] == "union_tag_invalid":
        return (*place, "kind")
    return (*place[:2], *place[3:]) if _kind(place) else place


def _kind(place: Place) -> str:
    kind = place[2] if len(place) > 2 and place[0] == "destination" else ""
    return str(kind) if kind in KINDS else ""


def _missing(place: Place, each: ErrorDetails) -> str:
    field = field_at(place)
    return f"missing; {field.description}" if field and field.description else "missing"


def _unknown(place: Place, each: ErrorDetails) -> str:
    key = str(place[-1])
    section = section_at(place[:-1])
    valid = section.model_fields if section else {}
    if kinds := [name for name, model in KINDS.items() if _kind(place) and key in model.model_fields]:
        return f'unknown key with kind = "{_kind(place)}"; it belongs to kind = {choice(kinds)}'
    if key == "port" and "address" in valid:
        return 'unknown key; the port stands behind the address, like "pacs.rad.example:2762"'
    is_section = isinstance(each["input"], dict) or (len(place) == 1 and isinstance(each["input"], list))
    what = "section" if is_section and len(place) == 1 else "key"
    if better := meant_at(place):
        named = brackets(better) if what == "section" else f'"{better}"'
        return f"unknown {what}; did you mean {named}?"
    if is_section and key in Config.model_fields and len(place) > 1:
        if key == place[0]:
            return f'{brackets(key)} is open here already; write the keys without "{key}."'
        return f"unknown key here; {brackets(key)} is a section of its own"
    if where := home(place):
        return f"unknown {what} here; it {'is a key of' if what == 'section' else 'belongs to'} {brackets(where)}"
    return f"unknown {what}; known here: {', '.join(valid)}"


def _not_a_choice(place: Place, each: ErrorDetails) -> str:
    valid = re.findall(r"'([^']*)'", each["ctx"]["expected"])
    value = each["input"]
    word = "is not" if len(valid) == 1 else "is none of"
    said = _YES_OR_NO.get(str(value).lower(), value) if isinstance(value, str | bool) else ""  # to TLS
    hint = nearest(said, valid) if isinstance(said, str) and len(valid) > 1 else ""
    return f"{shown(value)} {word} {choice(valid)}{hint}"


_YES_OR_NO = {
    **dict.fromkeys(("true", "yes", "on"), "required"),
    **dict.fromkeys(("false", "no", "off", "none"), "never"),
}


_OTHER_KINDS = {
    **dict.fromkeys(("dicom", "pacs", "scp", "c-store"), "dimse"),
    **dict.fromkeys(("dicomweb", "stow-rs", "web", "https"), "stow"),
    **dict.fromkeys(("s3", "minio", "bucket", "file", "directory"), "object-store"),
}


def _no_kind(place: Place, each: ErrorDetails) -> str:
    if each["type"] == "union_tag_not_found":
        return 'unknown key; did you mean "kind"?' if kind_key(each["input"]) else f"missing; {choice(KINDS)}"
    value = each["input"].get("kind") if isinstance(each["input"], dict) else None
    hint = nearest(_OTHER_KINDS.get(value.lower(), value), KINDS) if isinstance(value, str) else ""
    return f"{shown(value)} is none of {choice(KINDS)}{hint}"


def _refused(place: Place, each: ErrorDetails) -> str:
    value, said = each["input"], each["ctx"]["error"]
    if isinstance(value, list | dict):
        return f"this is {kind(value)}; {said}"
    seen = _shown(place, value)
    hint = lookalike(value) if isinstance(value, str) and seen.startswith('"') else ""
    return f"{seen} will not do; {said}{hint}"


def _not_a_list(place: Place, each: ErrorDetails) -> str:
    value = each["input"]
    if len(place) == 1:
        return f"write [[{place[0]}]] in two brackets, once for each" if isinstance(value, dict) else _no_section(place)
    return f"this is {kind(value)}; a list is meant, [{_items(value)}]"


def _items(value: Any) -> str:
    """As the items of a list would be written."""
    if isinstance(value, str) and "," in value and not is_secret(value):
        return ", ".join(shown(each.strip()) for each in value.split(",")[:4] if each.strip())
    return shown(value) if isinstance(value, str | int | float) else "…"


def _not_a_table(place: Place, each: ErrorDetails) -> str:
    value = each["input"]
    if len(place) == 1 and isinstance(value, list):
        return (
            f"write [{place[0]}] in one bracket, once" if value and isinstance(value[0], dict) else _no_section(place)
        )
    if len(place) == 1 or (len(place) == 2 and isinstance(place[1], int)):
        return f"this is {kind(value)}; {_no_section(place)}"
    example = _BRACES.get(str(place[-1]), 'key = "value"')
    return f"this is {kind(value)}; a table in braces is meant, like {{ {example} }}"


_BRACES = {
    "when": 'modality = ["CT"]',
    "commitment": 'address = "10.20.0.11:104", ae_title = "CT_COMMIT"',
    "user_identity": 'type = "username", usernames = ["ct-suite-2"]',
    "passcodes": 'ct-suite-2 = "scrypt:…"',
    "reports": 'addresses = ["10.20.0.5"]',
    "leds": 'ready = "edge:green:ready"',
    "oauth": 'token_url = "https://login.example/token", client_id = "edge01", client_secret = "credential:cloud"',
}


def _no_section(place: Place) -> str:
    return f"a section is meant, {brackets(str(place[0]))}"


def _not_a_whole_number(place: Place, each: ErrorDetails) -> str:
    without = "a point" if isinstance(each["input"], float) else "quotes"
    return f"{shown(each['input'])} will not do; a whole number is meant, without {without}"


def _not_a_truth(place: Place, each: ErrorDetails) -> str:
    return f"{shown(each['input'])} will not do; true or false is meant, without quotes"


def _too_short(place: Place, each: ErrorDetails) -> str:
    field = field_at(place)
    return f"the list is empty; {field.description}" if field and field.description else "the list is empty"


def _unfit(place: Place, each: ErrorDetails) -> str:
    return f"{_shown(place, each['input'])} will not do here"


def _shown(place: Place, value: Any) -> str:
    """As `shown`, but where a passcode or secret is kept or named what stands there may be one."""
    if isinstance(value, str) and "passcodes" in place:
        return "(a passcode, not shown)"
    if isinstance(value, str) and place[-1] in ("token", "client_secret", "secret_access_key"):
        return "(a secret, not shown)"
    if isinstance(value, str) and "://" in value and "@" in value:
        return "(an address with a secret in it, not shown)"
    return shown(value)


_SENTENCES: dict[str, Callable[[Place, ErrorDetails], str]] = {
    "missing": _missing,
    "extra_forbidden": _unknown,
    "literal_error": _not_a_choice,
    "value_error": _refused,
    "tuple_type": _not_a_list,
    "model_type": _not_a_table,
    "model_attributes_type": _not_a_table,
    "dict_type": _not_a_table,
    "int_type": _not_a_whole_number,
    "bool_type": _not_a_truth,
    "too_short": _too_short,
    "union_tag_not_found": _no_kind,
    "union_tag_invalid": _no_kind,
}
