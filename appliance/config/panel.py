"""What people and other machines are shown: [panel] with lamps and metrics, [alerts] with the collector of syslog.

Which keys go together is checked in `panel_checks.py`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer

from appliance.config.section import Section
from appliance.config.values import AbsolutePath, Endpoint, HostName, HostPort, parse_host_port

_LED = re.compile(r"(?!\.)[A-Za-z0-9_.:+-]{1,63}")  # LED_MAX_NAME_SIZE is 64, with its NUL


def parse_led(value: Any) -> str:
    """The name of a lamp below /sys/class/leds."""
    if isinstance(value, str) and _LED.fullmatch(value):
        return value
    raise ValueError('a lamp is named as `ls /sys/class/leds` shows it, like "edge:green:ready"')


def parse_syslog(value: Any) -> HostPort:
    """Where a collector of syslog over TLS listens (RFC 5425): "tls://siem.example:6514"."""
    if isinstance(value, HostPort):
        return value
    scheme, colon, rest = value.partition("://") if isinstance(value, str) else ("", "", "")
    if colon and scheme == "tls":
        try:
            return parse_host_port(rest)
        except ValueError:
            pass
    raise ValueError('a collector is written like "tls://siem.example:6514"; UDP and cleartext TCP are not spoken')


Led = Annotated[str, BeforeValidator(parse_led)]
SyslogAddress = Annotated[HostPort, BeforeValidator(parse_syslog), PlainSerializer(lambda each: f"tls://{each}")]


class Leds(Section):
    """Which lamp of /sys/class/leds has which function; `single` is for a board that has one."""

    ready: Led | None = None
    traffic: Led | None = None
    backlog: Led | None = None
    alarm: Led | None = None
    single: Led | None = None


class Panel(Section):
    """[panel]: what is shown, and where."""

    metrics: Endpoint | None = None
    leds: Leds | None = None
    """None: lamps that are called after their functions, "…:ready" and so on."""


class Alerts(Section):
    """[alerts]: who hears of alerts and findings, beside the log."""

    syslog: SyslogAddress = Field(description='the collector, like "tls://siem.example:6514"')
    ca: AbsolutePath | None = None
    """None: client_ca of [receive]."""
    certificate: AbsolutePath | None = None
    key: AbsolutePath | None = None
    server_name: HostName | None = None
    """The name in the collector's certificate, where it is not that of `syslog`."""
