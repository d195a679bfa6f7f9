"""`python -m spamft`."""

import sys

from spamft.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
