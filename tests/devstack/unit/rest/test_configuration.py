"""The in-database configuration: the effect of each setting."""

import logging

import pytest

from devstack.gateway.rest.configuration import UNLIMITED, Configuration, apply_settings


DEFAULTS = Configuration(schemas=("public",), max_rows=1000)


def test_database_settings_win_over_the_given_ones() -> None:
    """Each setting replaces its field and no other."""
    found = apply_settings(
        DEFAULTS,
        {
            "pgrst.db_schemas": "public, shop",
            "pgrst.db_extra_search_path": "extensions",
            "pgrst.db_max_rows": "7",
            "pgrst.db_pre_request": "private.check_request",
            "pgrst.db_tx_end": "rollback",
            "pgrst.db_plan_enabled": "true",
        },
    )

    assert found == Configuration(
        schemas=("public", "shop"),
        extra_search_path=("extensions",),
        max_rows=7,
        pre_request=b'select "private"."check_request"()',
        tx_end="rollback",
        plan_enabled=True,
    )


def test_empty_settings_lift_a_bound() -> None:
    """PostgREST takes an empty number for no limit, and an empty name for no function."""
    found = apply_settings(DEFAULTS, {"pgrst.db_max_rows": "", "pgrst.db_pre_request": ""})

    assert (found.max_rows, found.pre_request) == (UNLIMITED, None)


@pytest.mark.parametrize(
    ("setting", "text"),
    [
        ("pgrst.db_tx_end", "maybe"),
        ("pgrst.db_max_rows", "many"),
        ("pgrst.db_plan_enabled", "perhaps"),
        ("pgrst.db_schemas", " , "),
        ("pgrst.jwt_aud", "me"),
    ],
)
def test_setting_without_effect_is_named(
    setting: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names a setting that is unusable or that devstack lacks."""
    with caplog.at_level(logging.WARNING):
        assert apply_settings(DEFAULTS, {setting: text}) == DEFAULTS

    assert setting in caplog.text


@pytest.mark.parametrize(
    ("tx_end", "tx", "is_undone"),
    [
        ("commit", None, False),
        ("commit", "rollback", False),
        ("commit-allow-override", None, False),
        ("commit-allow-override", "rollback", True),
        ("rollback", None, True),
        ("rollback", "commit", True),
        ("rollback-allow-override", None, True),
        ("rollback-allow-override", "commit", False),
    ],
)
def test_tx_decides_where_it_is_served(tx_end: str, tx: str | None, *, is_undone: bool) -> None:
    """`Prefer: tx=` has an effect only if the setting allows an override."""
    configuration = Configuration(schemas=("public",), max_rows=1, tx_end=tx_end)

    assert configuration.rolls_back(tx) is is_undone
