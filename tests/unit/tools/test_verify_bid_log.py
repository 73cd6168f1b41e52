"""The verifier accepts a true log and finds every change of it.

bid_log.json holds a log of `get_bid_log` and the receipts of its bids. The auction had a tie,
raises, a reserve, a withdrawal, changed increments, late bids and an extension.
"""

import copy
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools import verify_bid_log
from tools.verify_bid_log import (
    Checker,
    Receipt,
    UnreadableError,
    WrongRowError,
    read_log,
    read_receipt,
)


GOLDEN = json.loads((Path(__file__).parent / "bid_log.json").read_text())
LOG: dict[str, Any] = GOLDEN["log"]
TEXT = json.dumps(LOG)
PROGRAM = Path(verify_bid_log.__file__)
ROWS = range(1, len(LOG["rows"]) + 1)


def is_accepted(log: Any) -> bool:
    """Check a log as text, as the program reads it."""
    try:
        list(Checker(read_log(log if isinstance(log, str) else json.dumps(log))).steps())
    except (UnreadableError, WrongRowError, KeyError, TypeError, ValueError, AttributeError):
        return False
    return True


def changed(change: Callable[[list[dict[str, Any]]], object]) -> dict[str, Any]:
    """Return a copy of the log whose rows were changed."""
    log = copy.deepcopy(LOG)
    change(log["rows"])
    return log


def chained(log: dict[str, Any]) -> dict[str, Any]:
    """Return the log with its rows numbered and chained anew, as a forger does."""
    previous = None
    for seq, row in enumerate(log["rows"], 1):
        row |= {"seq": seq, "previous_hash": previous}
        hashed = {key: row[key] for key in row if key not in ("hash", "opened")}
        text = json.dumps(
            hashed | {"auction_id": log["auction_id"]}, sort_keys=True, separators=(",", ":")
        )
        previous = row["hash"] = hashlib.sha256(text.encode()).hexdigest()
    return log


def test_true_log_is_accepted() -> None:
    """A true log with each kind of row is accepted, also after a new chaining."""
    steps = list(Checker(read_log(TEXT)).steps())

    assert set(verify_bid_log.RECORD_KEYS) == {step.kind for step in steps}
    assert {True, False} == {step.is_proved for step in steps}
    assert chained(copy.deepcopy(LOG)) == LOG


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(TEXT) - 1), st.characters(min_codepoint=32, max_codepoint=126))
def test_changed_byte_is_found(place: int, character: str) -> None:
    """Each changed byte is found, unless the JSON stays the same."""
    text = TEXT[:place] + character + TEXT[place + 1 :]

    try:
        is_same = json.loads(text) == LOG
    except ValueError:
        is_same = False
    assert is_accepted(text) == is_same


@pytest.mark.parametrize("seq", ROWS)
def test_removed_row_is_found(seq: int) -> None:
    """Each removed row is found, the first and the last included."""
    assert not is_accepted(changed(lambda rows: rows.pop(seq - 1)))


@pytest.mark.parametrize("seq", ROWS)
def test_doubled_row_is_found(seq: int) -> None:
    assert not is_accepted(changed(lambda rows: rows.insert(seq, rows[seq - 1])))


@pytest.mark.parametrize("seq", ROWS[1:])
def test_swapped_rows_are_found(seq: int) -> None:
    def swap(rows: list[dict[str, Any]]) -> None:
        rows[seq - 2], rows[seq - 1] = rows[seq - 1], rows[seq - 2]

    assert not is_accepted(changed(swap))


@pytest.mark.parametrize("length", range(len(ROWS)))
def test_truncated_log_is_found(length: int) -> None:
    """A chain without its end fits together, so the close must be there."""

    def cut(rows: list[dict[str, Any]]) -> None:
        del rows[length:]

    assert not is_accepted(changed(cut))


@pytest.mark.parametrize("seq", [s for s in ROWS if LOG["rows"][s - 1]["opened"]])
def test_hidden_opening_is_found(seq: int) -> None:
    """A removed opening is found, because the rows say which openings there must be."""
    assert not is_accepted(changed(lambda rows: rows[seq - 1].update(opened=None)))


@pytest.mark.parametrize("seq", [s for s in ROWS if LOG["rows"][s - 1]["opened"]])
def test_other_opening_is_found(seq: int) -> None:
    """An opening with another amount than the committed one is found."""
    name = "reserve_cents" if seq == 1 else "max_cents"

    def lie(rows: list[dict[str, Any]]) -> None:
        rows[seq - 1]["opened"][name] += 1

    assert not is_accepted(changed(lie))


#: Prices next to a maximum that stays sealed: only a receipt can contradict them.
BESIDE_SEALED = {(3, 2001), (7, 5372)}


def forgeries() -> Iterator[Any]:
    """Yield changes of results, each as the row, the field and the forged value."""
    for row in LOG["rows"][1:]:
        for key, value in row["record"].items():
            if key in ("price_cents", "leader", "winner", "bidder"):
                yield pytest.param(row["seq"], key, value + 1, id=f"{row['seq']} {key} up")
                yield pytest.param(row["seq"], key, value - 1, id=f"{row['seq']} {key} down")
            elif key == "reserve":
                forged = "unmet" if value != "unmet" else "met"
                yield pytest.param(row["seq"], key, forged, id=f"{row['seq']} reserve")
            elif key == "end_at" and row["kind"] != "extension":
                forged = value.replace("000000Z", "000001Z").replace("123456Z", "123457Z")
                yield pytest.param(row["seq"], key, forged, id=f"{row['seq']} end")


@pytest.mark.parametrize(("seq", "key", "value"), list(forgeries()))
def test_forged_result_is_found_in_a_new_chain(seq: int, key: str, value: object) -> None:
    """A forged result is found although every hash fits."""
    forged = chained(changed(lambda rows: rows[seq - 1]["record"].update({key: value})))

    assert is_accepted(forged) == ((seq, value) in BESIDE_SEALED)


def receipt_of(name: str, **changes: object) -> Receipt:
    """Return a bidder's receipt, with changes of the answer or of the maximum."""
    kept = GOLDEN["receipts"][name] | {k: v for k, v in changes.items() if k == "maximum"}
    answer = kept["receipt"] | {k: v for k, v in changes.items() if k != "maximum"}
    return read_receipt(json.dumps(answer), kept["maximum"])


def test_removed_bid_is_found_by_its_receipt() -> None:
    """A forger may leave out a bid that changes nothing later; the bidder's receipt proves it."""
    forged = chained(changed(lambda rows: rows.pop(3)))

    assert is_accepted(forged)
    with pytest.raises(WrongRowError, match="lacks"):
        list(Checker(forged, [receipt_of("alice 2600")]).steps())


@pytest.mark.parametrize("name", GOLDEN["receipts"])
def test_receipt_is_found_in_the_log(name: str) -> None:
    """A receipt with its maximum is found in an opened, sealed or withdrawn row."""
    checker = Checker(LOG, [receipt_of(name)])

    assert 1 == sum(checker.has_receipt(step.seq) for step in checker.steps())
    with pytest.raises(WrongRowError, match="maximum"):
        list(Checker(LOG, [receipt_of(name, maximum=1)]).steps())


@pytest.mark.parametrize("name", ["bob 2000", "alice 2600", "alice 5123", "bob 8888"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("current_price_cents", 1999),
        ("min_next_bid_cents", 1),
        ("end_at", "2030-01-01T05:00:00+00:00"),
        ("is_leading", None),
        ("reserve_met", None),
        ("received_at", "2030-01-01T00:00:01+00:00"),
    ],
)
def test_row_that_differs_from_its_receipt_is_found(name: str, key: str, value: object) -> None:
    """A row that differs from its receipt is found, also by the state before it."""
    with pytest.raises(WrongRowError, match="receipt"):
        list(Checker(LOG, [receipt_of(name, **{key: value})]).steps())


def test_bid_of_another_bidder_is_found_by_its_receipt() -> None:
    """A forger may give a sealed winner's bid to an invented bidder."""

    def rename(rows: list[dict[str, Any]]) -> None:
        rows[9]["record"] |= {"bidder": 5, "leader": 5}
        rows[10]["record"] |= {"leader": 5}
        rows[13]["record"] |= {"winner": 5}

    forged = chained(changed(rename))

    assert is_accepted(forged)
    for name in ("bob 7777", "bob 8888"):
        with pytest.raises(WrongRowError, match="receipt does not fit this bidder"):
            list(Checker(forged, [receipt_of(name)]).steps())


def test_receipts_prove_sealed_rows() -> None:
    """The winner's receipt proves a sealed raise."""
    steps = {step.seq: step for step in Checker(LOG, [receipt_of("bob 8888")]).steps()}

    assert steps[13].is_proved
    assert not next(step for step in Checker(LOG).steps() if step.seq == 13).is_proved


def test_rows_without_receipt_are_named() -> None:
    """A forger may add a raise of a leader; only the leader knows that it was none."""
    checker = Checker(LOG, [receipt_of("bob 7777")])

    list(checker.steps())

    assert [3, 13] == checker.rows_without_receipt()


def without_bids(rows: list[dict[str, Any]]) -> None:
    """Leave a leader without any bid."""
    del rows[1:-1]
    rows[0] |= {"opened": None, "commitment": None}
    rows[0]["record"] |= {"leader": 1, "bidder_count": 1, "reserve": "none"}
    rows[-1]["record"] |= {"winner": 1, "price_cents": 1000}


def extended_again(rows: list[dict[str, Any]]) -> None:
    """Extend the auction a second time."""
    rows.insert(12, copy.deepcopy(rows[11]))
    rows[12]["record"]["end_at"] = "2030-01-01T03:00:30.000000Z"


@pytest.mark.parametrize(
    "change",
    [
        without_bids,
        extended_again,
        lambda rows: rows[0]["record"].update(min_next_bid_cents=1),
        lambda rows: rows[5]["record"].update(bid_seq=2),
        lambda rows: rows[3].update(commitment="no hash"),
        lambda rows: rows[3].update(commitment=rows[12]["commitment"]),
        lambda rows: rows[0]["record"].update(
            start_at="\u0662\u0660" + "30-01-01T00:00:00.000000Z"
        ),
        lambda rows: rows[0]["record"].update(start_at="2030-13-01T00:00:00.000000Z"),
        lambda rows: rows[0]["record"].update(snipe_window_s=2**53 - 1),
        lambda rows: rows[0]["record"].update(snipe_window_s=10**30),
        lambda rows: rows[0]["record"].update(increments=[[1]]),
        lambda rows: rows[0]["record"].update(increments=[[5000, 100], [1000, 50], [None, 1]]),
        lambda rows: rows[8]["record"].update(increments=[[None, -5]]),
        lambda rows: rows[7]["record"].update(bidders=5),
        lambda rows: rows[7]["record"].update(bidders=[[4]]),
        lambda rows: rows[7]["record"].update(bidders=[4, 4]),
        lambda rows: rows[2].update(kind=["bid"]),
        lambda rows: rows[2].update(record=[]),
        lambda rows: rows[2].update(opened=[]),
    ],
)
def test_other_forgery_is_found_in_a_new_chain(
    change: Callable[[list[dict[str, Any]]], object],
) -> None:
    """The error names the row."""
    with pytest.raises(WrongRowError, match=r"^row \d+: "):
        list(Checker(read_log(json.dumps(chained(changed(change))))).steps())


def test_time_before_an_earlier_row_is_not_proved() -> None:
    """A forger may change the order of bids, and a clock may be set back."""
    forged = chained(
        changed(lambda rows: rows[5]["record"].update(at="2030-01-01T00:03:59.000000Z"))
    )
    forged["rows"][5]["opened"] = None

    step = next(step for step in Checker(forged).steps() if step.seq == 6)

    assert not step.is_proved
    assert "before an earlier row" in step.text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"success": false, "code": "AUCTION_NOT_OVER", "error": "Auction is not over yet"}',
        '{"success": true, "auction_id": "x", "rows": []}',
        TEXT.replace('"success": true', '"success": true, "success": true'),
        TEXT.replace('"seq": 1,', '"seq": 1.0,'),
        TEXT.replace('"seq": 1,', '"seq": 1, "more": 1,'),
        TEXT.replace('"seq": 1,', '"seq": NaN,'),
        TEXT.replace('"seq": 1,', f'"seq": {"9" * 5000},'),
        "[" * 100_000,
    ],
)
def test_other_input_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableError):
        read_log(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "NaN",
        "[" * 100_000,
        '{"success": false, "code": "AUCTION_ENDED", "error": "Auction has ended"}',
        '{"success": true, "hash": "00"}',
        json.dumps(GOLDEN["receipts"]["bob 2000"]["receipt"] | {"hash": 1}),
        json.dumps(GOLDEN["receipts"]["bob 2000"]["receipt"] | {"end_at": 5}),
        json.dumps(GOLDEN["receipts"]["bob 2000"]["receipt"] | {"end_at": "2030-01-01"}),
    ],
)
def test_other_receipt_is_unreadable(text: str) -> None:
    with pytest.raises(UnreadableError):
        read_receipt(text, 2000)


def test_example_of_the_page_has_its_hash() -> None:
    """docs/bid-log.md describes the bytes; a reader can compute its example."""
    page = (PROGRAM.parents[1] / "docs/bid-log.md").read_text()
    match = re.search(r"```json\n(.*?)```\n\nThe SHA-256 of this text is `(\w+)`", page, re.DOTALL)
    assert match is not None

    assert verify_bid_log.digest(json.loads(match[1])) == match[2]


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the program alone: without our packages and outside the repository."""
    return subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-I", "-S", str(PROGRAM), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_program_runs_alone(tmp_path: Path) -> None:
    """Exit codes: 0 consistent, 1 wrong, 2 unreadable."""
    receipt = GOLDEN["receipts"]["bob 8888"]
    (tmp_path / "log.json").write_text(TEXT)
    (tmp_path / "receipt.json").write_text(json.dumps(receipt["receipt"]))
    (tmp_path / "wrong.json").write_text(TEXT.replace('"winner": 2', '"winner": 1'))

    true = run(tmp_path, "log.json", "--receipt", "receipt.json", "8888")
    wrong = run(tmp_path, "wrong.json")
    missing = run(tmp_path, "missing.json")

    (tmp_path / "deep.json").write_text("[" * 100_000)
    deep = run(tmp_path, "log.json", "--receipt", "deep.json", "8888")

    assert (0, 1, 2) == (true.returncode, wrong.returncode, missing.returncode)
    assert "your receipt fits" in true.stdout
    assert LOG["rows"][-1]["hash"] in true.stdout
    assert wrong.stdout.splitlines()[-1].startswith("WRONG: row 14")
    assert "" == true.stderr + wrong.stderr
    assert "missing.json" in missing.stderr
    assert (2, 1) == (deep.returncode, len(deep.stderr.splitlines()))
    assert "row 10 is your bidder's" in true.stdout
    assert "Exit codes" in run(tmp_path, "--help").stdout
