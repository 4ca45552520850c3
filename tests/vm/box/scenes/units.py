"""Do the units start, and are they what they claim to be?"""

from __future__ import annotations

from tests.vm.box import units
from tests.vm.box.outcome import Outcome
from tests.vm.box.site import Site

FILES = [f"appliance-{name}.service" for name in (*units.PROGRAMS, "alarm")]
FILES += ["appliance-receive.socket", "appliance-panel-metrics.socket", "appliance.target"]


def play(site: Site, outcome: Outcome) -> None:
    """Active, ready by notify, verified by the guest's own systemd."""
    guest = site.guest
    for name in units.PROGRAMS:
        with outcome.of(f"{name} is active"):
            found = units.wait(guest, f"appliance-{name}", 180)
            took = units.seconds(found, "ActiveEnter") - units.seconds(found, "ExecMainStart")
            note = (
                f"ready {took:.1f} s after it was started, {found['NRestarts']} restarts: {found['StatusText'][:60]!r}"
            )
            outcome.line(f"{name} is active, Type={found['Type']}", found["Type"] == "notify" and took > 0, note)
    socket = guest.must("systemctl show appliance-receive.socket -p ActiveState,SubState,Triggers")
    outcome.line("receive has the socket that systemd opened", "SubState=running" in socket, " ".join(socket.split()))
    said = guest.run(f"systemd-analyze verify --recursive-errors=no --man=no {' '.join(FILES)}")
    outcome.line("systemd-analyze verify", said.status == 0, said.out.strip()[-300:])
    failed = guest.run("systemctl list-units --failed --no-legend --plain 'appliance*'").out.split()
    outcome.line("no unit of the appliance failed", not failed, " ".join(failed[:6]))
