"""Set-up of the tests of money."""

import pytest


# A failed assertion in them shows the compared values, as in a test file.
pytest.register_assert_rewrite(
    "tests.sql.money.money_harness", "tests.sql.money.money_sender", "tests.sql.money.money_machine"
)
