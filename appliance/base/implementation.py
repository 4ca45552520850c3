"""Who we say we are on the wire and in files (PS3.7 D.3.3.2)."""

from __future__ import annotations

CLASS_UID = "2.25.264113441853933671062342533216258323834"
VERSION_NAME = "PACSAPPLIANCE01"
