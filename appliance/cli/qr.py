"""QR codes (ISO/IEC 18004) as half-block characters for a terminal, and as SVG for a page. Drawn by segno.

A code is four modules of margin and dark modules on light ground: on a terminal the colours are set, whatever its own
are; elsewhere dark is what a printer prints.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import segno

_CORRECTION = "q"  # a quarter of it may be lost: paper is folded
_MARGIN = 4
_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
_BLACK_ON_WHITE, _AS_BEFORE = "\x1b[30;107m", "\x1b[0m"


def drawn(text: str, *, colour: bool) -> list[str]:
    """The lines of the code, all of one width. With `colour` they hold ANSI escapes (ECMA-48 SGR)."""
    rows = _framed(_code(text).matrix)
    lines = [
        "".join(_HALVES[top, bottom] for top, bottom in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    ]
    return [f"{_BLACK_ON_WHITE}{line}{_AS_BEFORE}" for line in lines] if colour else lines


def width(text: str) -> int:
    """The columns that `drawn` needs."""
    return len(_code(text).matrix) + 2 * _MARGIN


def svg(text: str) -> str:
    """The code as an SVG element for an HTML page, 5 pixels a module."""
    out = BytesIO()
    _code(text).save(out, kind="svg", scale=5, border=_MARGIN, xmldecl=False, svgns=True, light="#fff", nl=False)
    return out.getvalue().decode()


def _code(text: str) -> segno.QRCode:
    return segno.make_qr(text, error=_CORRECTION, boost_error=False)


def _framed(matrix: Sequence[bytearray]) -> list[list[bool]]:
    """The modules with their margin, True for dark; an even number of rows."""
    blank = [False] * (len(matrix) + 2 * _MARGIN)
    side = [False] * _MARGIN
    rows = [blank] * _MARGIN + [[*side, *map(bool, row), *side] for row in matrix] + [blank] * _MARGIN
    return rows + [blank] * (len(rows) % 2)
