"""`filter_message`: the verdict on one message."""

from psycopg import Connection

from tests.corpus.loader import Action
from tests.sql.filter.filtering import judged


def test_phone_number_is_masked(owner: Connection) -> None:
    """The recipient reads the words around a phone number, and staff see where it stood."""
    verdict = judged(owner, "call me on 0412 345 678 mate")

    assert verdict.action is Action.MASK
    assert "PHONE_NUMBER" in verdict.reason_codes
    assert verdict.masked == f"call me on {'▇' * 12} mate"
    spans = [
        (f["start"], f["end"], f["message"]) for f in verdict.findings if f["rule"] == "mobile"
    ]
    assert spans == [(11, 23, 0)]
    assert verdict.rule_version >= 1


def test_mask_lies_where_the_detail_was_written(owner: Connection) -> None:
    """The mask covers the detail exactly, even after signs that count as several letters."""
    verdict = judged(owner, "\ufdfa\u200b\u2026 0412 345 678 ok")

    assert verdict.masked == f"\ufdfa\u200b\u2026 {'▇' * 12} ok"


def test_email_address_is_masked(owner: Connection) -> None:
    """The mask covers the whole address."""
    verdict = judged(owner, "mail bob.smith@example.com.au please")

    assert verdict.action is Action.MASK
    assert "EMAIL_ADDRESS" in verdict.reason_codes
    assert "example" not in verdict.masked


def test_innocent_message_is_allowed(owner: Connection) -> None:
    """A message without details passes unchanged."""
    verdict = judged(owner, "Is the 65 inch TV still available for $450?")

    assert (verdict.action, verdict.score, verdict.findings) == (Action.ALLOW, 0, [])
    assert verdict.masked == "Is the 65 inch TV still available for $450?"


def test_number_split_over_messages_acts_on_the_last(owner: Connection) -> None:
    """The message that completes a number is masked, and a finding names the earlier part."""
    verdict = judged(owner, "345 678", earlier=["0412"])

    assert verdict.action is Action.MASK
    assert {finding["message"] for finding in verdict.findings} == {0, 1}
    assert verdict.masked == "▇" * 7


def test_earlier_detail_does_not_act_on_the_next_message(owner: Connection) -> None:
    """A detail in an earlier message does not change the verdict on the next one."""
    verdict = judged(owner, "thanks a lot", earlier=["0412 345 678"])

    assert verdict.action is Action.ALLOW


def test_proposal_in_two_messages_is_none(owner: Connection) -> None:
    """The end of one message and the start of the next make up no proposal."""
    assert judged(owner, "call me").action is Action.WARN
    assert judged(owner, "me", earlier=["call"]).action is Action.ALLOW


def test_order_stage_allows_a_phone_number(owner: Connection) -> None:
    """After payment the parties may exchange contact details."""
    verdict = judged(owner, "call me on 0412 345 678", stage="order")

    assert verdict.action is Action.ALLOW
