"""The command `appliance`, also as `python -m appliance`."""

from __future__ import annotations

import sys

from appliance.cli.main import run


def main() -> None:
    """Run the command line of this process and end with its exit status."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
