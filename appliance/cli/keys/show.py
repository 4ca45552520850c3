"""`appliance keys show`: to whom objects are sealed, where the identity comes from, what that protects against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from appliance.base.errors import ApplianceError, LocalError
from appliance.cli.keys.words import short
from appliance.cli.options import config_option, json_option
from appliance.cli.output import write_json
from appliance.config.load import load_config
from appliance.config.model import Config

_UNKNOWN = "not known here"


@dataclass(frozen=True, slots=True)
class _Own:
    """What is known of the identities of this box: their recipients, the one in use first; None: nothing."""

    state: str
    recipients: tuple[str, ...] | None


@click.command(name="show")
@click.option(
    "--identity", "-i", "files", type=click.Path(path_type=Path, exists=True, dir_okay=False), multiple=True,
    help="A file of identities, like a recovery kit: say which recipient it belongs to. May be repeated.",
)  # fmt: skip
@config_option
@json_option
def command(files: tuple[Path, ...], path: Path, as_json: bool) -> None:
    """Show to whom objects are sealed, and where the identity of this box comes from. Never shows a secret.

    Which recipient is this box's is known where its identity can be read here, or forward can be asked. Of the others
    nobody knows more than their text: with -i a kit says which of them it opens.

    Exit status: 0 done, 1 an identity given by -i belongs to no recipient.

    Example: appliance keys show -i recovery.txt
    """
    config = load_config(path)
    own = _own(config)
    known = {recipient: str(file) for file in files for recipient in _recipients_of(file)}
    shown = _facts(config, own, known)
    if as_json:
        write_json(shown)
    else:
        _show(shown)
    raise SystemExit(1 if shown["strangers"] else 0)


def _own(config: Config) -> _Own:
    """By `forward`, who has them, else by their file."""
    from appliance.delivery.control import ask, control_socket
    from appliance.host.credentials import read_secrets
    from appliance.seal.keys import parse_identity

    source = config.vault.identity
    try:
        said = ask(control_socket(config.appliance.runtime_dir), {"op": "identity"})
        return _Own(str(said["state"]), tuple(map(str, said["recipients"])) or None)
    except (LocalError, KeyError):
        pass
    if source in (None, "unlock"):
        return _Own("absent" if source is None else "not running", None)
    try:
        return _Own("not running", tuple(str(parse_identity(text).recipient) for text in read_secrets(source or "")))
    except ApplianceError:
        return _Own("not running", None)


def _recipients_of(file: Path) -> list[str]:
    from appliance.host.credentials import secret_lines
    from appliance.seal.keys import parse_identity

    return [str(parse_identity(text).recipient) for text in secret_lines(file.read_bytes(), str(file))]


def _facts(config: Config, own: _Own, known: dict[str, str]) -> dict[str, Any]:
    from appliance.config.posture.identity import way
    from appliance.seal.keys import parse_recipient

    def kind(text: str) -> str:
        try:
            return parse_recipient(text).kind
        except ApplianceError:
            return "malformed"

    def whose(text: str) -> str:
        if text in known:
            return known[text]
        if own.recipients and text in own.recipients:
            return "this box"
        return "another: recovery, or a reader elsewhere" if own.recipients else _UNKNOWN

    sealed_to = config.vault.recipients
    rule = way(config.vault.identity)
    return {
        "recipients": [{"recipient": text, "kind": kind(text), "whose": whose(text)} for text in sealed_to],
        "identity": {
            "source": config.vault.identity,
            "state": own.state,
            "way": rule.id,
            "protects": rule.why,
            "older": [text for text in own.recipients or () if text not in sealed_to],
        },
        "index_key": config.vault.index_key,
        "strangers": [text for text in known if text not in sealed_to],
    }


def _show(shown: dict[str, Any]) -> None:
    out = ["Objects are sealed to:"]
    out += [f"  {short(each['recipient'])}  {each['kind']}  {each['whose']}" for each in shown["recipients"]]
    identity = shown["identity"]
    out += [f"Identity of this box: {identity['source'] or 'none'} ({identity['state']})", f"  {identity['protects']}"]
    out += [f"  It opens what was sealed to {short(text)} before, too." for text in identity["older"]]
    out.append(f"Index key: {shown['index_key']}")
    out += [f"! Nothing is sealed to {short(text)} now." for text in shown["strangers"]]
    click.echo("\n".join(out))
