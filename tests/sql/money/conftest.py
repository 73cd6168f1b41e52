"""What the tests of the money may rely on."""

import pytest


# A failure in them is to show what was compared, as it does in a test's own file.
pytest.register_assert_rewrite(
    "tests.sql.money.money_desk", "tests.sql.money.money_sender", "tests.sql.money.money_machine"
)
