"""What is drawn is read back by a decoder of others."""

from __future__ import annotations

import pytest

from appliance.cli import qr
from appliance.seal.keys import generate_identity
from tests.cli.codes import of_lines, of_svg

HYBRID = generate_identity().export()
TEXTS = [HYBRID, generate_identity("classical").export(), "A", "appliance-index-key-1" + "q" * 58]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_the_drawing_and_the_picture_say_the_text(text: str) -> None:
    lines = qr.drawn(text, colour=False)
    assert {len(line) for line in lines} == {qr.width(text)}
    assert not "".join(lines[:2] + lines[-2:]).strip()  # the margin of four modules, without which some readers fail
    assert all(line.startswith(" " * 4) and line.endswith(" " * 4) for line in lines)
    assert of_lines(lines) == [text]
    assert of_svg(qr.svg(text)) == [text]


def test_on_a_terminal_black_is_on_white_whatever_its_colours_are() -> None:
    plain, coloured = qr.drawn(HYBRID, colour=False), qr.drawn(HYBRID, colour=True)
    assert coloured == [f"\x1b[30;107m{line}\x1b[0m" for line in plain]


def test_a_stain_does_not_hide_it() -> None:
    assert of_lines(qr.drawn(HYBRID, colour=False), damaged=slice(20, 24)) == [HYBRID]
    assert of_lines(qr.drawn(HYBRID, colour=False), damaged=slice(4, 40)) == []


def test_a_key_fits_a_narrow_terminal() -> None:
    assert qr.width(HYBRID) + 2 < 80
