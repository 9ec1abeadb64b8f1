"""`python -m ocrtune` is the command `ocrtune`."""

import sys

from ocrtune.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
