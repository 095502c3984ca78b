"""`python -m hashstagram`."""

import sys

from hashstagram.tagging.command_line import main

if __name__ == "__main__":
    sys.exit(main())
