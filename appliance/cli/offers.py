"""What shells offer where a command wants a name out of the configuration. Offers nothing where that cannot be read."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from appliance.config.model import Config

Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem[str]]"]


def _offering(names: Callable[[Config], Iterable[str]]) -> Complete:
    def complete(context: click.Context, _: click.Parameter, begun: str) -> list[CompletionItem[str]]:
        from click.shell_completion import CompletionItem

        return [CompletionItem(_quoted(each)) for each in _of_file(context, names) if each.startswith(begun)]

    return complete


def _of_file(context: click.Context, names: Callable[[Config], Iterable[str]]) -> list[str]:
    from appliance.base.errors import ApplianceError
    from appliance.cli.options import DEFAULT_CONFIG
    from appliance.config.load import load_config

    path = context.params.get("path") or os.environ.get("APPLIANCE_CONFIG") or DEFAULT_CONFIG
    try:
        return list(dict.fromkeys(names(load_config(Path(path)))))
    except ApplianceError:
        return []


def _quoted(name: str) -> str:
    """zsh and fish quote what they insert; bash puts it into the line as it is."""
    return shlex.quote(name) if os.environ.get("_APPLIANCE_COMPLETE", "").startswith("bash") else name


def _places(config: Config) -> Iterable[str]:
    from appliance.cli.certs.slots import slots

    return slots(config)


def _issued(config: Config) -> Iterable[str]:
    from appliance.cli.certs.authority import certificate_of
    from appliance.host.issued_register import Register

    entries = Register(certificate_of(config), config.receive.client_crl).entries()
    return (each.device for each in entries if each.trusted and not (each.revoked or each.own))


destinations = _offering(lambda config: (each.name for each in config.destination))
peers = _offering(lambda config: (each.name for each in config.peer))
certificate_places = _offering(_places)
issued_devices = _offering(_issued)
