"""Faults in heartbeats, outages and outage extensions."""

from tests.proof.mutation import mutation


EXTENSION_TESTS = ("tests/sql/auctions/test_outages.py",)
HEARTBEAT_TESTS = ("tests/sql/operations/test_heartbeats.py",)
OUTAGE_TESTS = EXTENSION_TESTS + HEARTBEAT_TESTS

CLOSE = "auctions/functions/closing.sql"
EXTENSION = "auctions/functions/outages.sql"
OUTAGES = "operations/functions/outages.sql"

OUTAGE_MUTATIONS = (
    mutation(
        "gap of exactly the shortest outage is none",
        OUTAGES,
        "where ended_at - started_at >= v_gap",
        "where ended_at - started_at > v_gap",
        OUTAGE_TESTS,
    ),
    mutation(
        "first look ignores a gap of exactly the shortest outage",
        OUTAGES,
        "p_to - p_from < v_gap",
        "p_to - p_from <= v_gap",
        OUTAGE_TESTS,
    ),
    mutation(
        "bid is no sign of life",
        OUTAGES,
        "and b.placed_at > p_from and b.placed_at < p_to",
        "and false",
        OUTAGE_TESTS,
    ),
    mutation(
        "bid in an auction that has closed since is no sign of life",
        OUTAGES,
        "and (a.status = 'live' or a.finalized_at > p_from)",
        "and a.status = 'live'",
        OUTAGE_TESTS,
    ),
    mutation(
        "bid before the gap is in it",
        OUTAGES,
        "and b.placed_at > p_from and b.placed_at < p_to",
        "and b.placed_at < p_to",
        OUTAGE_TESTS,
    ),
    mutation(
        "raise and withdrawal are signs of life",
        OUTAGES,
        "        and not b.is_proxy\n",
        "",
        OUTAGE_TESTS,
    ),
    mutation(
        "withdrawn bid was no sign of life",
        OUTAGES,
        "        and not b.is_proxy\n",
        "        and not b.is_proxy and b.accepted\n",
        OUTAGE_TESTS,
    ),
    mutation(
        "outage that goes on does not count",
        OUTAGES,
        "return private.find_outages(v_last_at, p_now) + (",
        "return (",
        OUTAGE_TESTS,
    ),
    mutation(
        "outage on record does not count",
        OUTAGES,
        "range_agg(tstzrange(started_at, ended_at)), '{}') from private.outages\n",
        "range_agg(tstzrange(started_at, ended_at)), '{}') from private.outages where false\n",
        OUTAGE_TESTS,
    ),
    mutation(
        "fleets find one outage and one of them fails",
        OUTAGES,
        "    on conflict (started_at) do nothing\n",
        "",
        OUTAGE_TESTS,
    ),
    mutation(
        "outage raises no alert",
        OUTAGES,
        "when v_outage_s > 0",
        "when false",
        OUTAGE_TESTS,
    ),
    mutation(
        "every heartbeat uses the same slot",
        OUTAGES,
        "::bigint % 12",
        "::bigint % 1",
        OUTAGE_TESTS,
        ("set lock_timeout = '1s'", "set lock_timeout = '100ms'"),
    ),
    mutation(
        "heartbeat of a wrong future stays",
        OUTAGES,
        "set beat_at = excluded.beat_at",
        "set beat_at = greatest(heartbeats.beat_at, excluded.beat_at)",
        OUTAGE_TESTS,
        ("into private.heartbeats (", "into private.heartbeats as heartbeats ("),
    ),
    mutation(
        "auction is extended twice",
        EXTENSION,
        " or p_auction.outage_extension_s > 0",
        "",
        OUTAGE_TESTS,
    ),
    mutation(
        "suspended seller's auction is extended",
        EXTENSION,
        "if private.is_suspended(v_listing.seller_id) then",
        "if false then",
        OUTAGE_TESTS,
    ),
    mutation(
        "extension is as short as the outage",
        EXTENSION,
        "greatest(v_lost_s, private.setting('outage_extension_min_s')::integer)",
        "v_lost_s",
        OUTAGE_TESTS,
    ),
    mutation(
        "new end counts from the old one",
        EXTENSION,
        "    end_at = p_now + v_lost_s",
        "    end_at = p_auction.end_at + v_lost_s",
        OUTAGE_TESTS,
        ("scheduled_end_at = p_now + v_lost_s", "scheduled_end_at = p_auction.end_at + v_lost_s"),
    ),
    mutation(
        "cap of the soft close stays",
        EXTENSION,
        "    scheduled_end_at = p_now + v_lost_s * interval '1 second',\n",
        "",
        OUTAGE_TESTS,
    ),
    mutation(
        "clients see no new version of an extended auction",
        EXTENSION,
        "    version = version + 1,\n",
        "",
        OUTAGE_TESTS,
    ),
    mutation(
        "listing of an extended auction keeps the old end",
        EXTENSION,
        "set end_at = v_auction.end_at, updated_at = p_now",
        "set updated_at = p_now",
        OUTAGE_TESTS,
    ),
    mutation(
        "failure is not forgotten by an extension",
        EXTENSION,
        "  delete from private.finalize_failures where auction_id = p_auction.id;\n",
        "",
        OUTAGE_TESTS,
    ),
    mutation(
        "time before the start counts",
        EXTENSION,
        "greatest(v_start_at, p_auction.end_at - v_window)",
        "p_auction.end_at - v_window",
        OUTAGE_TESTS,
    ),
    mutation(
        "late start is given back twice",
        EXTENSION,
        "created_at - p_auction.start_at > v_grace",
        "false",
        OUTAGE_TESTS,
    ),
    mutation(
        "start within the grace counts as late",
        EXTENSION,
        "created_at - p_auction.start_at > v_grace",
        "created_at - p_auction.start_at > '0'",
        OUTAGE_TESTS,
    ),
    mutation(
        "time after the end counts",
        EXTENSION,
        "p_auction.end_at - v_window), p_auction.end_at\n",
        "p_auction.end_at - v_window), null\n",
        OUTAGE_TESTS,
    ),
    mutation(
        "window has no beginning",
        EXTENSION,
        "greatest(v_start_at, p_auction.end_at - v_window)",
        "v_start_at",
        OUTAGE_TESTS,
    ),
    mutation(
        "bidders do not learn of an extension",
        EXTENSION,
        "    union\n    select bidder_id from private.proxy_bids where auction_id = p_auction.id\n",
        "",
        OUTAGE_TESTS,
    ),
    mutation(
        "forced close extends",
        CLOSE,
        "elsif v_auction.end_at <= v_now and not p_force then",
        "elsif v_auction.end_at <= v_now then",
        OUTAGE_TESTS,
    ),
    mutation(
        "close of one auction knows no outage",
        CLOSE,
        "coalesce(p_force, false), private.known_outages(v_now)",
        "coalesce(p_force, false), '{}'",
        OUTAGE_TESTS,
    ),
)
