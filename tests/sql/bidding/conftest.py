"""Set-up of the tests of bidding."""

import pytest


# A failed assertion in it shows the compared values, as in a test file.
pytest.register_assert_rewrite("tests.sql.bidding.bidding_harness")
