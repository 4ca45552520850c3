"""The site around the guest, set up as the READMEs say: keys and a CA in the guest, a scanner and a PACS outside
with certificates of that CA.

Owns the lines that are typed there and what is added to the configuration.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from appliance.cli.demo.dcmtk import Upstream
from appliance.cli.demo.site import Party
from tests.vm.box.guest import DICOM_TLS, OUTSIDE, UPSTREAM, Guest
from tests.vm.box.modality import Scanner

CONFIG = "/etc/appliance/appliance.toml"
VLAN = "10.77.0"  # a VLAN within the guest: the appliance has .1, an attacker .66
ATTACKER = "$(systemctl show -P MainPID attacker)"

START = (
    "systemd-sysusers",
    "systemd-tmpfiles --create appliance.conf",
    "udevadm control --reload && udevadm trigger --action=add --subsystem-match=leds && udevadm settle",
    "journalctl --update-catalog",
    "systemctl daemon-reload",
    "systemctl preset appliance.target appliance-receive.socket appliance-receive.service appliance-forward.service"
    " appliance-panel.service",
    "systemctl start appliance.target",
    "systemctl enable --now appliance-sensor",
    "systemctl enable --now appliance-respond",
)
ADDED = f"""
[[peer]]
name        = "CT 1"
ae_titles   = ["CT1"]
addresses   = ["{OUTSIDE}"]
certificate = "san:ct1.rad.example"

[[destination]]
name        = "pacs"
kind        = "dimse"
address     = "{UPSTREAM}:{DICOM_TLS}"
ae_title    = "PACS"
ca          = "/etc/appliance/tls/site-ca.crt"
certificate = "/etc/appliance/tls/appliance-client.crt"
key         = "/etc/appliance/tls/appliance-client.key"
server_name = "pacs.rad.example"

[[route]]
to = ["pacs"]

[sensor]
interface     = "vlan"
mode          = "host"
decoy_ae      = "ARCHIVE"
respond       = "dry-run"
respond_rules = ["D13"]
"""

# The other end of the VLAN is in a network namespace, so that its address is not one of the box.
NETWORK = (
    "systemd-run -q --unit=attacker -p PrivateNetwork=yes sleep infinity; sleep 2",
    f"ip link add vlan type veth peer name far && ip link set far netns {ATTACKER}",
    f"ip addr add {VLAN}.1/24 dev vlan && ip link set vlan up",
    f"nsenter --net=/proc/{ATTACKER}/ns/net sh -c"
    f" 'ip addr add {VLAN}.66/24 dev far && ip link set far up && ip link set lo up'",
)


def keys(etc: Path, issued: Path) -> str:
    """What `appliance init` and `certs issue` make, in `etc` and `issued`; the configuration for the guest.

    Made here, with the same command: each start of Python costs the guest half a minute.
    """
    for line in (
        f"init --with-ca --name edge01.rad.example --dir {etc} --recovery-file {issued}/kit.txt",
        f"certs issue CT1 --name ct1.rad.example --ae-title CT1 -d {issued} --config {etc}/appliance.toml",
        f"certs issue PACS --name pacs.rad.example --server -d {issued} --config {etc}/appliance.toml",
    ):
        done = subprocess.run([sys.executable, "-m", "appliance", *line.split()], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"appliance {line}: {done.stderr}")
    config = (etc / "appliance.toml").read_text().replace(str(etc), "/etc/appliance") + ADDED
    (etc / "appliance.toml").write_text(config)
    return config


class Site:
    """A guest that is set up, the scanner and the PACS."""

    def __init__(self, guest: Guest, work: Path, issued: Path, config: str, upstream_port: int) -> None:
        self.guest, self.config, self._issued = guest, config, issued
        self.scanner = Scanner("CT1", self._party("ct1"), guest.port, work / "images")
        self.upstream = Upstream(work / "pacs", upstream_port, self._party("pacs"))

    def start(self) -> None:
        """The PACS and the units."""
        self.upstream.start()
        for line in (*NETWORK, *START):
            began = time.monotonic()
            self.guest.must(line)
            print(f"--      {time.monotonic() - began:.0f} s: {line[:90]}", flush=True)

    def configure(self, text: str) -> None:
        """Save another configuration, in the file that is there."""
        self.guest.put(CONFIG, text)

    def _party(self, name: str) -> Party:
        ca = self._issued / "ca.crt"
        ca.write_bytes((self._issued.parent / "etc/tls/site-ca.crt").read_bytes())
        return Party(self._issued / f"{name}.key", self._issued / f"{name}.crt", ca)
