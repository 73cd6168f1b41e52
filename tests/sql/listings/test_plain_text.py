"""`plain_text`, `plain_line`: what is left of a text that somebody sent."""

import pytest
from psycopg import Connection


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        ("  as it is  ", "as it is"),
        ("<p>one</p><br/>two", "onetwo"),
        ("a <script>alert('<b>')</script> b", "a  b"),
        ("a <SCRIPT src=x>alert(1)</SCRIPT > b", "a  b"),
        ("one <script>1</script> two <script>2</script> three", "one  two  three"),
        ("a <style>p { color: red }</style> b", "a  b"),
        ("a <script>never closed", "a"),
        ("a <!-- comment --> b", "a  b"),
        ("<<b>script>alert(1)<</b>/script>", ""),
        ("3 < 5 > 2", "3 < 5 > 2"),
        ("I <3 teapots", "I <3 teapots"),
        ("bell\x07 and escape\x1b", "bell and escape"),
        ("two\nlines", "two\nlines"),
        ("&lt;b&gt; stays text", "&lt;b&gt; stays text"),
        (None, None),
    ],
)
def test_tags_and_scripts_are_dropped(owner: Connection, sent: str, left: str) -> None:
    """No markup is kept, also none that appears when other markup goes."""
    assert [(left,)] == owner.execute("select private.plain_text(%s)", [sent]).fetchall()


def test_line_has_no_breaks(owner: Connection) -> None:
    """Each of them is a space."""
    query = "select private.plain_line(%s)"

    assert [("one  two three",)] == owner.execute(query, ["one\r\ntwo\tthree\n"]).fetchall()


@pytest.mark.parametrize("piece", ["<", "<b", "<<b>b>", "<script>", "< ", "<style><", "</"])
def test_hostile_text_is_cleaned_in_time(owner: Connection, piece: str) -> None:
    """However it is built, 100,000 characters cost well below the statement's time-out."""
    text = piece * (100_000 // len(piece))
    owner.execute("set local statement_timeout = '8s'")

    assert owner.execute("select private.plain_text(%s)", [text]).fetchone()
