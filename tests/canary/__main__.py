"""`python -m tests.canary` sees whether a deployed system still does its main job."""

import sys
from pathlib import Path


if __package__ in (None, ""):
    # Started as a file, so that a copy of this folder is enough.
    sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.canary.canary import main


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
