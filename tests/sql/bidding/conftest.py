"""What the tests of bidding may rely on."""

import pytest


# A failure in it is to show what was compared, as it does in a test's own file.
pytest.register_assert_rewrite("tests.sql.bidding.bidding_desk")
