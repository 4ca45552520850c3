"""Sealed objects: age v1 files that carry a record of what they hold. FORMAT.md is the specification.

Owns the format and its cryptography. Reads and writes files that it is given and opens none (`opening.open_object`
excepted), and never hands out plaintext that was not authenticated.
"""
