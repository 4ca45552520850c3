"""The model as a JSON Schema (2020-12), for editors that complete keys and underline mistakes while one types.

What an editor can know: the keys, their kinds and their choices. What spans several keys, and what a value means, is
said by `appliance check` alone. A file that loads always fits it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from appliance.config import bandwidth, hours, panel, passcode, respond_policy, urls, values, week
from appliance.config.descriptions import DESCRIPTIONS
from appliance.config.model import Config

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NUMBER = r"[0-9]{1,12}(\.[0-9]{1,6})?"
_DURATION = rf"^\s*{_NUMBER}\s*(ms|s|min|m|h|d)\s*$"
_SHARE = rf"^\s*{_NUMBER}\s*(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB|%)\s*$"
_TITLE = r"^ *[!-\[\]-~]([ -\[\]-~]{0,14}[!-\[\]-~])? *$"
_HOST = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_IPV6 = r"[0-9A-Fa-f.:]+(%[^\]]+)?"
_TIMES = r"[0-2]?[0-9]:[0-5][0-9]\s*-\s*[0-2]?[0-9]:[0-5][0-9]"


_SOURCE = r"^(file:/.+|credential:[A-Za-z0-9_.-]{1,64})$"


def _text(description: str, **more: Any) -> JsonSchemaValue:
    return {"type": "string", "description": description, **more}


# By the function that reads a value: what people write there.
_WRITTEN: dict[Callable[..., Any], JsonSchemaValue] = {
    values.parse_ae_title: _text("an AE title", pattern=_TITLE),
    values.parse_uid: _text("a UID", pattern=r"^(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+$", maxLength=64),
    values.parse_name: _text("a name of your own choice", minLength=1, maxLength=64),
    values.parse_word: _text("a word", minLength=1, maxLength=255),
    values.parse_modality: _text('a modality, like "CT"', pattern="^[A-Z0-9_]{1,16}$"),
    values.parse_interface: _text('a network interface, like "eth1"', pattern="^[A-Za-z0-9_.@:-]{1,15}$"),
    values.parse_recipient: _text("a recipient, as `appliance init` makes it", pattern="^age1[0-9a-z]{8,4096}$"),
    values.parse_binding: _text(
        'a certificate: "san:NAME" or "sha256:FINGERPRINT"', pattern=r"^(san:\S+|sha256:[0-9A-Fa-f:]+)$"
    ),
    values.parse_source: _text('where a secret lies: "file:/PATH" or "credential:NAME"', pattern=_SOURCE),
    values.parse_identity_source: _text('"file:/PATH", "credential:NAME" or "unlock"', pattern=f"{_SOURCE}|^unlock$"),
    values.parse_port: {"type": "integer", "minimum": 1, "maximum": 65535, "description": "a TCP port"},
    values.parse_vlan: {"type": "integer", "minimum": 1, "maximum": 4094, "description": "a VLAN id"},
    values.parse_host_name: _text("a host name or an address", pattern=rf"^({_HOST}|{_IPV6})$"),
    values.parse_path: _text("an absolute path", pattern="^/"),
    values._written_duration: _text('a duration, like "72h" or "15 min"', pattern=_DURATION),
    values.parse_share: _text('an amount or a share, like "10GiB" or "10%"', pattern=_SHARE),
    values.parse_host_port: _text(
        'host and port, like "pacs.rad.example:2762" or "[::]:2762"',
        pattern=rf"^({_HOST}|\[{_IPV6}\]):[0-9]{{1,5}}$",
    ),
    values.parse_network: _text(
        'an address or a network, like "10.20.0.11" or "10.20.0.16/29"', pattern=r"^[0-9A-Fa-f.:]+(/[0-9.]+)?$"
    ),
    passcode.parse_passcode: _text("what `appliance passcode` prints", pattern="^scrypt:"),
    panel.parse_led: _text(
        'a lamp, as `ls /sys/class/leds` shows it, like "edge:green:ready"',
        pattern="^[A-Za-z0-9_:+-][A-Za-z0-9_.:+-]{0,62}$",
    ),
    panel.parse_syslog: _text('a collector of syslog, like "tls://siem.example:6514"', pattern="^tls://"),
    hours.parse_hours: _text('hours of the day, like "06:00-22:00"', pattern=rf"^\s*{_TIMES}\s*(,\s*{_TIMES}\s*)*$"),
    week.parse_week: _text('hours of the week, like "Mon-Fri 18:00-06:00"'),
    bandwidth.parse_bandwidth: _text('a bandwidth, like "20Mbit/s"', pattern=r"^\s*[0-9.]+\s*[kMG]bit/s"),
    urls.parse_service: _text('a URL, like "https://pacs.rad.example/dicom-web"', pattern="^https?://"),
    urls.parse_web: _text("a URL", pattern="^https?://"),
    urls.parse_place: _text('"s3://BUCKET/PREFIX" or "file:///DIRECTORY"', pattern="^(s3|file)://"),
    respond_policy.parse_address: _text("an address"),
}


class _Written(GenerateJsonSchema):
    """What is written in the file, not what the program makes of it."""

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        """A value that is read by one of our functions."""
        return dict(_WRITTEN.get(schema["function"]["function"], {"type": "string"}))

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        """A number that has its limits."""
        inner: JsonSchemaValue = super().function_after_schema(schema)
        limit = getattr(schema["function"]["function"], "limit", None)
        if limit is not None and inner.get("type") == "integer":
            return {**inner, "minimum": limit.floor, "maximum": limit.ceiling}
        return inner

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """The default is shown where it looks in the file as it looks in the program."""
        inner, default = self.generate_inner(schema["schema"]), schema.get("default")
        if inner.get("type") in ("boolean", "integer") or ("enum" in inner and isinstance(default, str)):
            return {**inner, "default": default}
        return inner


def _described(value: JsonSchemaValue, what: str) -> JsonSchemaValue:
    """With what it is for before how it is written."""
    how = value.get("description", "")
    return {**value, "description": f"{what} ({how})" if how else what}


def json_schema() -> dict[str, Any]:
    """The whole of it, as JSON values."""
    schema = Config.model_json_schema(schema_generator=_Written)
    for name, keys in DESCRIPTIONS.items():
        table = schema if name == "Config" else schema["$defs"][name]
        for key, what in keys.items():
            table["properties"][key] = _described(table["properties"][key], what)
    return {"$schema": DIALECT, **schema, "title": "The configuration of the PACS edge appliance"}
