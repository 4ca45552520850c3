"""Reads QR codes back as a camera would: from the picture, with a decoder that is not ours and not segno's."""

from __future__ import annotations

import re

import pytest

_PIXELS = 6  # a module
_BLOCKS = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


def of_lines(lines: list[str], damaged: slice | None = None) -> list[str]:
    """The texts of the codes in a drawing of half-block characters, which prints blocks in black on white paper.

    `damaged`: rows of the picture, in modules, across which a white stripe of two thirds of the width goes.
    """
    rows: list[list[int]] = []
    for line in lines:
        top, bottom = zip(*(_BLOCKS[character] for character in line), strict=True)
        rows += [list(top), list(bottom)]
    if damaged:
        for row in rows[damaged]:
            row[: len(row) * 2 // 3] = [0] * (len(row) * 2 // 3)
    return _decoded(rows)


def of_svg(svg: str) -> list[str]:
    """The texts of the codes in an SVG element: strokes one module high, in relative moves and lines."""
    size = int(re.search(r'width="(\d+)"', svg)[1]) // int(re.search(r"scale\((\d+)\)", svg)[1])  # type: ignore[index]
    rows = [[0] * size for _ in range(size)]
    path = re.search(r'stroke="#000" d="([^"]+)"', svg)
    assert path and re.search(rf'<path fill="#fff" d="M0 0h{size}v{size}h-{size}z"', svg)
    x, y = 0, 0.0
    for command, numbers in re.findall(r"([Mmh])([^Mmh]+)", path[1]):
        values = [float(number) for number in numbers.split()]
        if command == "h":
            assert y % 1 == 0.5
            rows[int(y)][x : x + int(values[0])] = [1] * int(values[0])
            x += int(values[0])
        else:
            x, y = (int(values[0]), values[1]) if command == "M" else (x + int(values[0]), y + values[1])
    return _decoded(rows)


def _decoded(rows: list[list[int]]) -> list[str]:
    zxingcpp = pytest.importorskip("zxingcpp", reason="no wheel of zxing-cpp here, which reads the QR codes back")
    wide = [b"".join((b"\xff", b"\0")[dark] * _PIXELS for dark in row) for row in rows for _ in range(_PIXELS)]
    picture = memoryview(b"".join(wide)).cast("B", shape=[len(wide), len(wide[0])])
    return [found.text for found in zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)]
