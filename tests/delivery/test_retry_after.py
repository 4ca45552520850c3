from __future__ import annotations

import pytest

from appliance.delivery.retry_after import seconds

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        (None, 0.0),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2023 22:12:20 GMT", 0.0),
        ("99999999", 3600.0),
        ("9" * 63, 3600.0),
        ("9" * 5000, 0.0),
        ("Tue, 14 Nov 2999 22:14:20 GMT", 3600.0),
        ("soon", 0.0),
        ("-5", 0.0),
        ("1.5", 0.0),
        ("\u0661\u0662", 0.0),
        ("", 0.0),
        ("Tue, 99 Nov 2023 22:14:20 GMT", 0.0),
    ],
)
def test_what_is_asked(header: str | None, asked: float) -> None:
    assert seconds(header, NOW) == asked
