"""The DICOM upper layer (PS3.8) and DIMSE (PS3.7), both roles: bytes in, events out. No socket, clock or thread."""
