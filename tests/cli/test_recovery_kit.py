"""The kit, read back from what was printed: its codes, its text, and what age and the box make of them."""

from __future__ import annotations

import re
import subprocess
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from appliance.cli.recovery_kit import RecoveryKit
from appliance.host.credentials import read_secret
from appliance.seal.index_key import IndexKey
from appliance.seal.keys import generate_identity, parse_identity
from tests.cli.codes import of_lines, of_svg

IDENTITY = generate_identity("classical")
INDEX_KEY = IndexKey.generate()
KIT = RecoveryKit("EDGE 01", IDENTITY.export(), INDEX_KEY.export(), True, date(2026, 11, 22))
BLOCKS = re.compile(r"# ([ ▀▄█]{20,})")


def drawings(text: str) -> list[list[str]]:
    """The lines of each code in the kit."""
    found: list[list[str]] = [[]]
    for line in text.splitlines():
        if block := BLOCKS.fullmatch(line):
            found[-1].append(block[1])
        elif found[-1]:
            found.append([])
    return [each for each in found if each]


def test_a_scan_of_each_code_opens_what_it_should(tmp_path: Path) -> None:
    (index,), (scanned,) = (of_lines(lines) for lines in drawings(KIT.text()))
    assert IndexKey.parse(index).export() == INDEX_KEY.export()
    assert parse_identity(scanned).recipient == IDENTITY.recipient
    (tmp_path / "scanned.txt").write_text(scanned + "\n")
    sealed = subprocess.run(
        ["age", "-r", str(IDENTITY.recipient)], input=b"image", capture_output=True, check=True
    ).stdout
    opened = subprocess.run(
        ["age", "-d", "-i", tmp_path / "scanned.txt"], input=sealed, capture_output=True, check=True
    )
    assert opened.stdout == b"image"


@pytest.mark.parametrize("codes", [True, False])
def test_the_text_is_an_identity_file_as_it_stands(tmp_path: Path, codes: bool) -> None:
    path = tmp_path / "kit"
    path.write_text(KIT.text(codes=codes))
    path.chmod(0o400)
    assert read_secret(f"file:{path}") == IDENTITY.export()
    assert KIT.text(codes=codes).count(INDEX_KEY.export()) == 1
    assert KIT.text(codes=codes).isascii() != codes
    assert max(map(len, KIT.text(codes=codes).splitlines())) <= 120


def test_the_page_has_both_keys_as_text_and_as_codes_and_nothing_from_elsewhere() -> None:
    page = RecoveryKit("A<B>&C", IDENTITY.export(), INDEX_KEY.export(), False, date(2026, 11, 22)).page()
    HTMLParser().feed(page)
    assert [of_svg(svg) for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL)] == [
        [INDEX_KEY.export().upper()],
        [IDENTITY.export()],
    ]
    assert IDENTITY.export() in page and INDEX_KEY.export() in page and "age 1.3 or later" in page
    assert "A&lt;B&gt;&amp;C" in page and "A<B>" not in page
    assert not re.findall(r"(?:src|href)=|url\(|@import", page)


def test_its_repr_shows_nothing() -> None:
    assert IDENTITY.export() not in repr(KIT) and INDEX_KEY.export() not in repr(KIT)
