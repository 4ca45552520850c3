"""respond.toml: what `respond` may do at most, in a file of its own that root alone writes. Strict, as the
configuration is; `host/root_file.py` reads it.
"""

from __future__ import annotations

import ipaddress
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, StrictInt, ValidationError

from appliance.base import limits
from appliance.config import syntax
from appliance.config.errors import ConfigErrors, Problem
from appliance.config.lines import Lines
from appliance.config.section import Section
from appliance.config.values import WRITTEN, Address, AddressRange, Duration, HostName, within
from appliance.config.words import nearest, place


def parse_address(value: Any) -> Address:
    """One address, "10.20.0.5"."""
    if isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return value
    if isinstance(value, str) and "%" not in value:
        try:
            return ipaddress.ip_address(value)
        except ValueError:
            pass
    raise ValueError('an address is written like "10.20.0.5"')


OneAddress = Annotated[Address, BeforeValidator(parse_address)]


class RespondPolicy(Section):
    """The whole file. Everything has a default: an empty file is a policy."""

    longest: Annotated[Duration, within(limits.RESPOND_LONGEST)] = float(limits.RESPOND_LONGEST.default)
    most_blocks: Annotated[StrictInt, within(limits.RESPOND_BLOCKS)] = limits.RESPOND_BLOCKS.default
    never: tuple[AddressRange, ...] = ()
    """Beside what the configuration names and the box finds out by itself: routers, name servers, time servers."""
    hosts: dict[HostName, Annotated[tuple[OneAddress, ...], Field(min_length=1)]] = Field(default={})
    """The addresses of host names of the configuration, for a box whose `respond` asks no name server."""


def parse_policy(raw: bytes, name: str) -> RespondPolicy:
    """Check the content of a file; `name` is what problems call it. Raises ConfigErrors."""
    try:
        text = syntax.decode(raw)
        document = syntax.parse(text)
    except syntax.SyntaxProblem as problem:
        raise ConfigErrors(Problem(name, each.line, "", each.message) for each in problem.found) from None
    try:
        return RespondPolicy.model_validate(document, context=WRITTEN)
    except ValidationError as error:
        lines = Lines(text)
        found = [(tuple(part for part in each["loc"] if part != "[key]"), _sentence(each)) for each in error.errors()]
        raise ConfigErrors([Problem(name, lines.of(at), place(document, at), said) for at, said in found]) from None


def _sentence(each: Any) -> str:
    if each["type"] == "extra_forbidden":
        known = RespondPolicy.model_fields
        return f"unknown key{nearest(str(each['loc'][-1]), known) or '; known here: ' + ', '.join(known)}"
    if each["type"] == "value_error":
        return f"that will not do; {each['ctx']['error']}"
    if each["type"] in ("tuple_type", "too_short"):
        return "a list of addresses is meant"
    return "that will not do here"
