"""`make demo`: the main job, from sign-up to payout, refund and dispute, on the whole system."""

import sys

from devstack.interrupt import end_quietly


end_quietly()

from devstack.demo.command import main  # noqa: E402 -- Ctrl-C must end the slow imports quietly


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
