"""How the key commands name recipients and write them for the configuration. Nothing here is secret."""

from __future__ import annotations

from collections.abc import Iterable


def short(recipient: str) -> str:
    """A recipient as a person compares it: its two ends. A classical one has 62 characters, a hybrid one 1959."""
    return f"{recipient[:20]}…{recipient[-12:]}"


def recipients_in_config(recipients: Iterable[str], marks: dict[str, str]) -> str:
    """`recipients = […]` as it stands in [vault], with a comment behind those that `marks` has."""
    lines = (f'  "{each}",' + (f"  # {marks[each]}" if each in marks else "") for each in recipients)
    return "\n".join(["recipients = [", *lines, "]"])
