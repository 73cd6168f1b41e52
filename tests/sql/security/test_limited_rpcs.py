"""Every RPC of a person that writes counts its calls."""

from psycopg import Connection

from tests.sql.rpcs import functions_behind, staff_rpcs, writing_rpcs


#: RPCs without a limit: a call changes only unread rows of the caller, and a repeat changes none;
#: get_listing_private writes only the audit of a read by staff.
UNLIMITED = {"get_listing_private", "mark_all_notifications_read", "mark_thread_read"}


def test_every_rpc_that_writes_has_a_limit(owner: Connection) -> None:
    """Each writing RPC of users counts its calls; RPCs for staff do not."""
    unlimited = {
        rpc
        for rpc in writing_rpcs(owner) - staff_rpcs(owner)
        if "use_rate_limit" not in functions_behind(owner, rpc)
    }

    assert UNLIMITED == unlimited


def test_staff_rpcs_are_the_reviewed_ones(owner: Connection) -> None:
    """The RPCs for staff are those of the reviewed list."""
    assert {
        "admin_set_role", "release_transfers", "requeue_ignored_events", "requeue_outbox",
        "requeue_webhook_event", "resolve_dispute", "staff_decide_message", "staff_decide_report",
        "staff_read_message", "staff_remove_listing", "staff_remove_photos", "staff_suspend_user",
        "staff_withdraw_bids",
    } == staff_rpcs(owner)  # fmt: skip
