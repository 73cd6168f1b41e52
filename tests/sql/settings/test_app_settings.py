"""`app_settings`: the numbers of the contract."""

from typing import LiteralString

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import set_setting


DEFAULTS = {
    "platform_fee_bps": 500,
    "snipe_window_s": 300,
    "snipe_extend_s": 300,
    "snipe_max_total_s": 86400,
    "listing_default_days": 7,
    "photo_max": 10,
    "pickup_ttl_h": 48,
    "pickup_max_tries": 5,
    "broadcast_marks_s": [300, 60, 10],
    "require_staff_aal2": True,
    "kyc_max_attempts": 5,
    "kyc_cooldown_h": 24,
    "queue_retry_base_s": 5,
    "queue_retry_cap_s": 3600,
    "queue_max_attempts": 10,
    "payment_due_hours": 48,
    "reminder_before_h": 12,
    "auto_deliver_days": 14,
    "auto_release_days": 3,
    "strike_ttl_days": 180,
    "strike_block_threshold": 3,
    "filter_warn": 30,
    "filter_mask": 60,
    "filter_hold": 85,
    "filter_join_messages": 10,
    "filter_join_minutes": 30,
    "predecessor_wait_days": 7,
    "handover_due_days": 14,
    "activation_grace_s": 60,
    "outage_gap_s": 30,
    "outage_window_s": 600,
    "outage_extension_min_s": 60,
    "evidence_max": 20,
    "orphan_grace_s": 3600,
}
LIMITS = {
    "place_bid": (10, 60),
    "create_listing": (5, 3600),
    "start_thread": (10, 3600),
    "send_message": (20, 60),
    "report_content": (10, 3600),
    "get_order": (60, 60),
    "act_on_order": (20, 300),
    "create_intent": (10, 600),
    "confirm_payment": (20, 600),
    "refund_payment": (10, 3600),
    "start_verification": (5, 3600),
    "get_verification": (30, 60),
    "init_pickup": (10, 600),
    "redeem_pickup": (30, 60),
    "save_shipment": (20, 600),
    "add_shipment_event": (60, 600),
    "list_notifications": (30, 60),
    "mark_notifications": (50, 60),
    "upload_file": (60, 60),
    "delete_file": (30, 60),
    "finalize_auctions": (5, 60),
    "onboard_payouts": (5, 3600),
    "list_payouts": (30, 60),
    "delete_account": (5, 3600),
}


def test_defaults_are_the_contracts(owner: Connection) -> None:
    """A new database has the contract's settings."""
    query = """
      select jsonb_object_agg(key, value) from private.app_settings
      where key not in ('bid_increments', 'rate_limits')
    """

    assert [(DEFAULTS,)] == owner.execute(query).fetchall()


def test_limits_are_the_contracts(owner: Connection) -> None:
    """Each action that the contract limits has its number and window."""
    [(limits,)] = owner.execute("select private.setting('rate_limits')").fetchall()

    found = {name: (limit["max"], limit["window_s"]) for name, limit in limits.items()}
    assert {name: found[name] for name in LIMITS} == LIMITS
    assert all({"max", "window_s"} == limit.keys() for limit in limits.values())


def test_change_takes_effect_at_once(owner: Connection) -> None:
    """A changed setting applies at once, and its row has the time of the change."""
    set_setting(owner, "photo_max", "3")

    query = """
      select private.setting('photo_max'), updated_at > created_at
      from private.app_settings where key = 'photo_max'
    """
    assert [(3, True)] == owner.execute(query).fetchall()


def test_rules_of_bids_follow_their_settings(owner: Connection) -> None:
    """The row that each bid reads has the current settings, and a hash of them."""
    query = """
      select r.rules_hash, r.rules = (
        select jsonb_object_agg(s.key, s.value) from private.app_settings as s
        where s.key in (select jsonb_object_keys(r.rules))
      )
      from private.bidding_rules as r
    """
    hashes = []
    for window in ("300", "7", "300"):
        set_setting(owner, "snipe_window_s", window)
        [(rules_hash, is_current)] = owner.execute(query).fetchall()
        assert is_current
        hashes.append(rules_hash)

    assert hashes[0] == hashes[2] != hashes[1]


def test_unknown_setting_is_a_mistake(owner: Connection) -> None:
    """An unknown key raises an error."""
    with pytest.raises(psycopg.errors.RaiseException, match="unknown setting"):
        Actor(connection=owner, role="postgres").rows("select private.setting('snipe_windows')")


@pytest.mark.parametrize(
    "query",
    [
        "select * from private.app_settings",
        "update private.app_settings set value = '0'",
        "select private.setting('platform_fee_bps')",
    ],
)
def test_settings_are_closed(
    anonymous: Actor, alice: Actor, service: Actor, query: LiteralString
) -> None:
    """No client and no process of ours reads or writes the table."""
    for actor in (anonymous, alice, service):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.change(query)
