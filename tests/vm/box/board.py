"""The guest's board: QEMU's `virt` with the lamps of the product's own device-tree overlay on real GPIO lines.

Owns the device tree. The overlay names pins of a Raspberry Pi; a nexus node leads these to the lines of QEMU's PL061,
which has eight, so that the overlay is taken as it is.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.vm.python_tree import REPOSITORY

OVERLAY = REPOSITORY / "firmware-config/raspberry-pi/appliance-lamps.dtso"
MACHINE = ("-M", "virt", "-cpu", "max,pauth=off,sve=off,sme=off", "-smp", "2", "-m", "1536")
_LINES = (0, 1, 2, 4, 5, 6, 7)  # 3 is the board's power button

_NEXUS = """
/ {{
    appliance_gpio: appliance-gpio {{
        #gpio-cells = <2>;
        gpio-map = {map};
        gpio-map-mask = <0xffffffff 0x0>;
        gpio-map-pass-thru = <0x0 0x1>;
    }};
    __symbols__ {{
        gpio = "/appliance-gpio";
    }};
}};
"""


def pins(overlay: str) -> dict[str, int]:
    """The lamps of the overlay, and the pin of each."""
    return {name: int(pin) for name, pin in re.findall(r'label = "([^"]+)";\s*gpios = <&gpio (\d+) 0>', overlay)}


def nexus(overlay: str) -> str:
    """Source of the node that leads the overlay's pins to lines."""
    lines = zip(pins(overlay).values(), _LINES, strict=False)
    return _NEXUS.format(map=", ".join(f"<{pin} 0 &{{/pl061@9030000}} {line} 0>" for pin, line in lines))


def device_tree(work: Path) -> Path:
    """QEMU's own tree with the overlay applied, as a file below `work`."""
    base, lamps, both = work / "base.dtb", work / "lamps.dtbo", work / "board.dtb"
    subprocess.run(
        ["qemu-system-aarch64", f"{MACHINE[0]}", f"{MACHINE[1]},dumpdtb={base}", *MACHINE[2:], "-display", "none"],
        check=True,
        capture_output=True,
    )
    source = subprocess.run(["dtc", "-I", "dtb", "-O", "dts", base], check=True, capture_output=True, text=True).stdout
    (work / "base.dts").write_text(source + nexus(OVERLAY.read_text()))
    _compile(work / "base.dts", base)
    _compile(OVERLAY, lamps)
    subprocess.run(["fdtoverlay", "-i", base, "-o", both, lamps], check=True, capture_output=True)
    return both


def _compile(source: Path, out: Path) -> None:
    # QEMU's tree is not as tidy as dtc would have it.
    subprocess.run(["dtc", "-q", "-@", "-O", "dtb", "-o", out, source], check=True, capture_output=True)
