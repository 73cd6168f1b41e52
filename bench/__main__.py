"""`make bench`: measure the figures of the design."""

import sys

from devstack.interrupt import end_quietly


end_quietly()

from bench.command import main  # noqa: E402 -- Ctrl-C must be handled before the slow imports


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
