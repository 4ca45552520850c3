"""How long a web service asks to be left alone: the header Retry-After (RFC 9110 10.2.3). Pure."""

from __future__ import annotations

import email.utils
from datetime import UTC

from appliance.base import limits


def seconds(header: str | None, now: float) -> float:
    """From "120" or an HTTP date, at `now` (Unix seconds); 0 where nothing usable is said. Never more than an hour."""
    if header is None or len(header) > 64:
        return 0.0
    text = header.strip()
    if text.isascii() and text.isdigit():
        asked = float(text)
    else:
        try:
            asked = email.utils.parsedate_to_datetime(text).replace(tzinfo=UTC).timestamp() - now
        except (ValueError, OverflowError):
            return 0.0
    return min(max(asked, 0.0), float(limits.RETRY_AFTER.default))
