"""Properties of the message filter over drawn texts."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from psycopg import Connection

from tests.corpus.loader import Action, labelled_messages
from tests.sql.filter.filtering import Verdict, judged
from tests.support.fuzzing import fuzzed


#: Postgres stores no NUL, and no half of a surrogate pair.
CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
#: Bits of details, so that drawn texts also hold hits.
BITS = st.sampled_from([
    "0412", "345 678", "0412345678", "bob@gmail.com", "payid", "BSB 062-000", "12345678", " at ",
    "insta: ", "dot com", "zero four", "double", "t.me/x", "moc.liamg", "p a y i d", "\u0301",
    "\ufdfa", "\u200b", "\U0001f4de", "\u2488", "@bob", "$", "1300 ",
    "&#48;", "&#x34", "&commat;", "&shy;", "&#", "%2E",
])  # fmt: skip
TEXTS = st.lists(st.one_of(st.text(CHARACTERS, max_size=12), BITS), max_size=14).map("".join)
DETAILS = [
    ("0412 345 678", "strict"),
    ("zero four one two three four five six seven eight", "strict"),
    ("+61 412-345-678", "strict"),
    ("(02) 9876 5432", "strict"),
    ("bob.smith@gmail.com", "strict"),
    ("bob at gmail dot com", "strict"),
    ("www.bobs-bargains.com.au", "strict"),
    ("@bob_smith99", "strict"),
    ("my insta is bobsmith99", "strict"),
    ("whatsapp: bobsmith99", "strict"),
    ("payid 0412 345 678", "order"),
    ("my payid is bob@gmail.com", "order"),
    ("bsb 062-000 account 12345678", "order"),
    ("send payment to abn 51 824 753 556", "order"),
    ("card 4111 1111 1111 1111", "order"),
]
INNOCENT = [
    message.text
    for message in labelled_messages()
    if message.is_innocent and not message.earlier and message.stage == "strict"
]
#: Texts of the corpus in threads, so that details lie beside and across the joints.
THREADS = st.lists(
    st.one_of(st.sampled_from([text for m in labelled_messages() for text in m.messages]), TEXTS),
    min_size=2,
    max_size=8,
)
STAGES = st.sampled_from(["strict", "order", "listing", "name"])
#: Cyrillic letters and full-width digits.
LOOKALIKES = str.maketrans(
    "aceopxyABEKMHOPCTX0123456789",
    "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0410\u0412\u0415\u041a\u041c\u041d\u041e"
    "\u0420\u0421\u0422\u0425\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19",
)


def severity(owner: Connection, text: str, stage: str) -> int:
    """Return the place of the action in the order of severity."""
    return judged(owner, text, stage=stage).action.severity


def are_spans_inside(verdict: Verdict, texts: list[str]) -> bool:
    """Return true if each finding has a span in its message."""
    return all(
        0 <= finding["start"] < finding["end"] <= len(texts[-1 - finding["message"]])
        for finding in verdict.findings
    )


@fuzzed(20)
@given(
    text=TEXTS,
    earlier=st.lists(TEXTS, max_size=3),
    stage=STAGES,
)
def test_every_text_has_a_verdict_with_spans_inside(
    owner: Connection, text: str, earlier: list[str], stage: str
) -> None:
    """No text crashes the filter, and the mask covers each span that acts."""
    verdict = judged(owner, text, earlier=earlier, stage=stage)

    assert are_spans_inside(verdict, [*earlier, text])
    assert len(verdict.masked) == len(text)
    if verdict.action in {Action.MASK, Action.HOLD}:
        acting = [f for f in verdict.findings if f["message"] == 0 and f["score"] >= 60]
        assert acting
        assert {sign for f in acting for sign in verdict.masked[f["start"] : f["end"]]} == {"▇"}
    else:
        assert verdict.masked == text


@fuzzed(20)
@given(
    detail=st.sampled_from(DETAILS),
    before=st.sampled_from(["", *INNOCENT]),
    after=st.sampled_from(["", *INNOCENT]),
    joint=st.sampled_from([". ", "\n", "! "]),
)
def test_innocent_sentences_never_lower_the_action(
    owner: Connection, detail: tuple[str, str], before: str, after: str, joint: str
) -> None:
    """Innocent text before and after a complete detail does not lower the action."""
    text, stage = detail

    assert severity(owner, joint.join([before, text, after]), stage) >= severity(owner, text, stage)


@pytest.mark.parametrize(("text", "stage"), DETAILS)
@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        str.title,
        str.swapcase,
        lambda text: text.translate(LOOKALIKES),
        lambda text: text.replace(" ", "  "),
        lambda text: text.replace(" ", "\u00a0"),
        "\u200b".join,
        "\u0301".join,
        lambda text: "".join(f"&#{ord(sign)};" for sign in text),
        lambda text: "".join(f"&amp;#x{ord(sign):x}" for sign in text),
    ],
    ids=[
        "upper",
        "title",
        "swap",
        "lookalike",
        "wide",
        "no-break",
        "zero-width",
        "marks",
        "decimal",
        "hexadecimal",
    ],
)
def test_form_of_the_characters_never_lowers_the_action(
    owner: Connection, text: str, stage: str, change: object
) -> None:
    """Case, blanks, marks and homoglyphs hide no complete detail."""
    assert callable(change)

    assert severity(owner, change(text), stage) >= severity(owner, text, stage)


@pytest.mark.parametrize(
    "separator", [" ", "-", ".", "/", "_", " - ", ",", "(", "\n", "\u2022", "🙂"]
)
def test_separators_never_lower_the_action(owner: Connection, separator: str) -> None:
    """Any sign between the digits of a number counts as none."""
    for digits in ("0412345678", "0298765432", "61412345678"):
        spaced = separator.join(digits)

        assert severity(owner, spaced, "strict") >= severity(owner, digits, "strict")


@fuzzed(20)
@given(detail=st.sampled_from(DETAILS), text=TEXTS)
def test_no_stage_loosens_payment_diversion(
    owner: Connection, detail: tuple[str, str], text: str
) -> None:
    """Rules about payment find the same spans before and after the payment."""
    whole = f"{text} {detail[0]}"
    payment = {
        "ABN_PAYEE", "BANK_ACCOUNT", "BANK_TRANSFER", "CARD_NUMBER", "CASH", "CRYPTO", "GIFT_CARD",
        "OFF_PLATFORM", "PAYID", "PAYMENT_OUTSIDE",
    }  # fmt: skip
    strict, order = judged(owner, whole), judged(owner, whole, stage="order")

    def of_payment(verdict: Verdict) -> list[tuple[object, ...]]:
        return [
            (f["rule"], f["score"], f["start"], f["end"])
            for f in verdict.findings
            if f["reason_code"] in payment
        ]

    assert of_payment(strict) == of_payment(order)


def findings_after(owner: Connection, text: str, stage: str, start: int, p_from: int) -> Any:
    """Return the findings that reach past `start`, of a call with this `p_from`."""
    query = """
      select array(
        select hit::text from unnest(private.filter_findings(%s, %s, %s)) as hit
        where hit.end_at > %s
        order by 1
      )
    """
    [(findings,)] = owner.execute(query, [text, stage, p_from, start]).fetchall()
    return findings


@fuzzed(20)
@given(thread=THREADS, stage=STAGES)
@example(thread=["pay me direct, bsb is 083004", "and the account number 45678901"], stage="strict")
def test_words_out_of_reach_change_no_finding(
    owner: Connection, thread: list[str], stage: str
) -> None:
    """Earlier words beyond the reach of a rule change no finding."""
    text = "\n".join(thread)
    start = len(text) - len(thread[-1])

    near = findings_after(owner, text, stage, start, start)

    assert near == findings_after(owner, text, stage, start, 0)


def test_earlier_messages_out_of_reach_are_not_looked_up(owner: Connection) -> None:
    """Ten long messages without numbers hardly slow down the next one."""
    talk = "we would like to see the old table before the weekend and bring our own van " * 13
    query = """
      with message as (select repeat(%s, 10) as earlier, %s::text as text)
      select
        cardinality(private.tokens_in_reach(
          private.fold_text(earlier || text), private.filter_tokens(earlier || text), '{}',
          char_length(earlier)
        )),
        cardinality(private.filter_tokens(text))
      from message
    """

    [(near, own)] = owner.execute(query, [talk, talk]).fetchall()

    assert own <= near < 2 * own


@fuzzed(20)
@given(texts=st.tuples(TEXTS, TEXTS))
def test_each_character_folds_alone(owner: Connection, texts: tuple[str, str]) -> None:
    """The fold of a joined text is the join of the folds of its parts."""
    query = """
      select
        (private.fold_text(one || two)).folded,
        (private.fold_text(one)).folded || (private.fold_text(two)).folded
      from (values (%s::text, %s::text)) as text (one, two)
    """

    [(joined, apart)] = owner.execute(query, texts).fetchall()

    assert joined == apart


@fuzzed(20)
@given(
    parts=st.lists(
        st.sampled_from([
            "zero", "one", "two", "three", "seven", "ohh", "oh", "h", "won", "too", "tree", "for",
            "ate", "free", "nought", "naught", "twenty", "sixty", "ty", "double", "triple", "le",
        ]),
        min_size=1,
        max_size=6,
    )
)  # fmt: skip
def test_word_that_is_not_spelled_is_no_number(owner: Connection, parts: list[str]) -> None:
    """The quick check of long words drops none that number words make up."""
    query = "select private.is_spelled(%s), private.number_of_word(%s)"

    [(is_spelled, piece)] = owner.execute(query, ["".join(parts)] * 2).fetchall()

    assert is_spelled or piece == "|" or len("".join(parts)) < 6
