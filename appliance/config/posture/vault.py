"""Findings about the vault: where it lies, who can open objects, what a thief would get."""

from __future__ import annotations

from collections.abc import Iterator

from appliance.config.model import Config
from appliance.config.posture import rules
from appliance.config.posture.facts import Facts
from appliance.config.posture.finding import Finding


def vault_findings(config: Config, facts: Facts) -> Iterator[Finding]:
    """All findings about state_dir, recipients and identity."""
    where = config.appliance.state_dir
    if not facts.state.usable:
        what = "is no directory that we can write" if facts.state.exists else "is not there and cannot be made"
        yield rules.STATE_UNUSABLE.found("appliance.state_dir", f"{where} {what}")
    elif not facts.state.exists:
        yield rules.STATE_MISSING.found("appliance.state_dir", f"{where} is not there yet")
    yield from _recipients(config, facts)
    yield from _identity(config, facts)


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


def _identity(config: Config, facts: Facts) -> Iterator[Finding]:
    identity = config.vault.identity
    needed = any(each.kind == "dimse" for each in config.destination)
    if identity is None:
        if needed:
            yield rules.IDENTITY_MISSING.found("vault.identity", "this box has no identity")
        return
    if identity.startswith("file:"):
        what = "theft: not protected; the identity lies on the disk of this box"
        yield rules.IDENTITY_ON_DISK.found("vault.identity", what)
    if facts.identity is not None and facts.identity not in config.vault.recipients:
        yield rules.IDENTITY_FOREIGN.found("vault.identity", "objects are not sealed to this identity")
    if not needed:
        yield rules.IDENTITY_IDLE.found("vault.identity", "nothing here needs to open objects")
