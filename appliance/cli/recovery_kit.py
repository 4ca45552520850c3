"""The recovery kit: what a site prints once and locks away. As text, which is an identity file for age as it stands,
QR codes included; and as a page to print.

Made of secrets, so it goes to a terminal, to a file or into a pipe that a person named, and is never kept by us.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from datetime import date
from html import escape

from appliance.cli import qr


@dataclass(frozen=True, slots=True, repr=False)
class RecoveryKit:
    """The recovery identity and the index key of a box, as text, and the day on which the kit was made."""

    ae_title: str
    identity: str
    index_key: str
    classical: bool
    made: date

    def text(self, *, codes: bool = True, colour: bool = False) -> str:
        """Lines of comments, and in the last one the identity."""
        lines = [f"# {line}".rstrip() for line in (self._title, *self._advice)]
        for title, secret in self._secrets:
            lines += ["#", f"# {title}:"]
            lines += [f"# {line}" for line in qr.drawn(_code(secret), colour=colour)] if codes else []
            lines.append(secret if secret == self.identity else f"#   {secret}")
        return "\n".join([*lines, ""])

    def page(self) -> str:
        """A page to print: HTML with the codes in it, and nothing from elsewhere."""
        secrets = "".join(
            f"<h2>{escape(title)}</h2>\n<p><code>{escape(secret)}</code></p>\n{qr.svg(_code(secret))}\n"
            for title, secret in self._secrets
        )
        return f"""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{escape(self._title)}</title>
<style>body {{ font: 11pt sans-serif; max-width: 44em; margin: 2em }} h1 {{ font-size: 16pt }} h2 {{ font-size: 12pt }}
pre {{ font-size: 9pt; white-space: pre-wrap }} code {{ overflow-wrap: anywhere }}
h2, p, svg {{ break-inside: avoid; break-after: avoid }}</style></head><body>
<h1>{escape(self._title)}</h1>
<pre>{escape(chr(10).join(self._advice))}</pre>
{secrets}</body></html>
"""

    @property
    def _title(self) -> str:
        return f"RECOVERY KIT of {self.ae_title}, made {self.made:%Y-%m-%d}"

    @property
    def _advice(self) -> tuple[str, ...]:
        age, older = ("age", "") if self.classical else ("age 1.3 or later", "; what Debian 12 and 13 bring is older")
        return (
            "Print this page, or copy it by hand, twice. Keep it where the box is not. It is shown once and stored",
            "nowhere. The QR codes hold the same two keys as the text, for a phone or a camera that keeps nothing.",
            "",
            "With it every object that the box sealed can be opened, on any computer and without this product, by the",
            f"program {age} (https://age-encryption.org{older}):",
            "  put the recovery identity into a file recovery.txt, then:",
            "  age -d -i recovery.txt -o IMAGE.dcm OBJECT.dcm.age",
            "",
            "The index key rebuilds the box's ledger from the objects. It opens no image.",
        )

    @property
    def _secrets(self) -> tuple[tuple[str, str], ...]:
        return ("The index key", self.index_key), ("The recovery identity", self.identity)


def show(kit: RecoveryKit) -> None:
    """Print it on the terminal; the codes where they fit and the terminal has the characters."""
    wide_enough = shutil.get_terminal_size().columns >= qr.width(_code(kit.identity)) + 2
    codes = wide_enough and (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    sys.stdout.write(kit.text(codes=codes, colour=True))
    sys.stdout.flush()


def _code(secret: str) -> str:
    """What a QR code holds: Bech32 in capitals (BIP 173 allows it), which a code has a shorter mode for."""
    return secret.upper()
