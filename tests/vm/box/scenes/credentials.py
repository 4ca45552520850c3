"""Keys as credentials, plain and encrypted, as systemd/README.md has them; the files are gone meanwhile."""

from __future__ import annotations

import re

from tests.vm.box import units
from tests.vm.box.outcome import Outcome
from tests.vm.box.scenes.road import delivered
from tests.vm.box.site import CONFIG, Site

KEYS = ("index-key", "identity")
DROP_IN = """\
[Service]
LoadCredential=
{lines}
"""
PLAIN = (
    "mkdir -p /etc/credstore && cd /etc/appliance/keys"
    " && for key in {keys}; do mv $key /etc/credstore/appliance.$key; done"
)
# This guest has no TPM: the key of the machine's own disk instead of it, and else the same.
ENCRYPTED = (
    "mkdir -p /etc/credstore.encrypted && cd /etc/credstore && for key in {keys}; do systemd-creds encrypt"
    " --with-key=host --name=$key appliance.$key /etc/credstore.encrypted/appliance.$key && rm appliance.$key; done"
)


def play(site: Site, outcome: Outcome) -> None:
    """Each time: restarted, a study received, opened and delivered."""
    guest = site.guest
    text = guest.must(f"cat {CONFIG}")
    for key, name in (("identity", "identity"), ("index_key", "index-key")):
        text = re.sub(rf'^{key}( *)= "file:[^"]*"', rf'{key}\1= "credential:{name}"', text, flags=re.MULTILINE)
    site.configure(text)
    guest.must(PLAIN.format(keys=" ".join(KEYS)))
    with outcome.of("LoadCredential="):
        _works(site, outcome, "LoadCredential= from /etc/credstore")
    guest.must(ENCRYPTED.format(keys=" ".join(KEYS)))
    for name, keys in (("receive", KEYS[:1]), ("forward", KEYS)):
        lines = "\n".join(f"LoadCredentialEncrypted={key}:/etc/credstore.encrypted/appliance.{key}" for key in keys)
        directory = f"/etc/systemd/system/appliance-{name}.service.d"
        guest.must(f"mkdir -p {directory}")
        guest.put(f"{directory}/keys.conf", DROP_IN.format(lines=lines))
    guest.must("systemctl daemon-reload")
    with outcome.of("LoadCredentialEncrypted="):
        _works(site, outcome, "LoadCredentialEncrypted=")


def _works(site: Site, outcome: Outcome, what: str) -> None:
    site.guest.must("systemctl restart appliance-receive appliance-forward", 300)
    for name in ("receive", "forward"):
        units.wait(site.guest, f"appliance-{name}", 120)
    now, said = site.scanner.send(site.scanner.images(2))
    outcome.line(f"{what}: received with it", now == 2, said[-200:] if now != 2 else "")
    delivered(site, outcome, f"{what}: opened with it")
