"""Findings about the vault: where it lies, who can open objects, what a thief would get."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.config.model import Config
from appliance.config.posture import rules
from appliance.config.posture.facts import Facts
from appliance.config.posture.finding import Finding
from appliance.config.posture.identity import identity_findings


def vault_findings(config: Config, facts: Facts) -> Iterator[Finding]:
    """All findings about state_dir, recipients and identity."""
    where = config.appliance.state_dir
    if facts.state.not_mounted:
        yield rules.STATE_NOT_MOUNTED.found("appliance.state_dir", facts.state.not_mounted)
    elif facts.state.closed:
        pass
    elif not facts.state.usable:
        what = "is no directory that we can write" if facts.state.exists else "is not there and cannot be made"
        yield rules.STATE_UNUSABLE.found("appliance.state_dir", f"{where} {what}")
    elif not facts.state.exists:
        yield rules.STATE_MISSING.found("appliance.state_dir", f"{where} is not there yet")
    yield from _recipients(config, facts)
    yield from identity_findings(config, facts)


def _recipients(config: Config, facts: Facts) -> Iterator[Finding]:
    for number, recipient in enumerate(facts.recipients, 1):
        if recipient.error:
            yield rules.RECIPIENT_BROKEN.found(f"vault.recipients #{number}", recipient.error)
    kinds = {each.kind for each in facts.recipients if not each.error}
    if len(kinds) > 1:
        yield rules.RECIPIENTS_MIXED.found("vault.recipients", "hybrid and classical recipients stand together")
    elif kinds == {"classical"}:
        yield rules.RECIPIENTS_CLASSICAL.found("vault.recipients", "all recipients are classical (X25519)")
    if len(set(config.vault.recipients)) < 2:
        yield rules.NO_RECOVERY.found("vault.recipients", "one key alone opens the objects")
