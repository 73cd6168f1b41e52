"""`python -m devstack up|stop|status|reset|psql`: the whole system on this machine."""

import sys

from devstack.interrupt import end_quietly


end_quietly()

from devstack.supervisor.commands import main  # noqa: E402 -- Ctrl-C must be handled before the slow imports


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
