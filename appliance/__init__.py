"""The PACS edge appliance: receives, seals, delivers and watches. `README.md` is the way in."""

__version__ = "0.1.0"
