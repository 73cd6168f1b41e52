"""`plain_text` and `plain_line` clean a text from outside."""

import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import Connection


def plain_text(owner: Connection, sent: str | None) -> str:
    [(left,)] = owner.execute("select private.plain_text(%s)", [sent]).fetchall()
    assert left is None or isinstance(left, str)
    return left or ""


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
        ("<![CDATA[<script>alert(1)</script>]]>x", "x"),
        ("<svg/onload=alert(1)>x", "x"),
        ("<IMG SRC=x ONERROR='a>b'>x", "x"),
        ('<a href="x"onclick=y>x</a>', "x"),
        ("<input autofocus onfocus=alert(1)>x", "x"),
        ("a <img src=x onerror=alert(1)", "a"),
        ("a <img src=x onerror=alert(1) b", "a  b"),
        ('a <img src="x onerror=alert(1)>b', "a b"),
        ("<\u200bscript>alert(1)</script>x", "x"),
        ("bell\x07, escape\x1b, next line\u0085end", "bell, escape, next line\nend"),
        ("two\nlines\r\nthree\u2028four\ttab", "two\nlines\nthree\nfour tab"),
        ("\u200b\u2060\ufeff\u00ad\u200d\ufe0f", ""),
        ("\u00a0\u2003\u3000\u2800", ""),
        ("end\u202e \u2066isolated\u2069 \u200fmark", "end isolated mark"),
        ("<xss onmouseover='alert(1)'>x</xss>", "x</xss>"),
        ("<input disabled><details open>x", "x"),
        ("<video controls loop src=//evil.example/x></video>", ""),
        ("<script async defer>alert(1)</script>x", "x"),
        ("<scr<script>alert(1)</script>ipt>alert(2)</script>x", "x"),
        ("<a href='javascript:alert(1)'>x</a>", "x"),
        ("<iframe src=javascript:alert(1)//", ""),
        ("x <svg><animate onbegin=alert(1) attributeName=x>", "x"),
        ("note\ufff9\ufffa\ufffb \U000e0041tag", "note tag"),
        (None, None),
    ],
)
def test_markup_and_hidden_characters_are_dropped(
    owner: Connection, sent: str | None, left: str | None
) -> None:
    """No markup is left, also none that appears when other markup goes."""
    assert [(left,)] == owner.execute("select private.plain_text(%s)", [sent]).fetchall()


@pytest.mark.parametrize(
    "text",
    [
        "boards <about 40 mm and for rods >12 mm",
        "3 < 5 > 2",
        "a<b and c>d",
        "a<b",
        "boards <b 40 mm, rods >12 mm",
        "<x> and </x>, <y z>",
        "I <3 teapots </3",
        "&lt;b&gt; stays text",
        "mail <ann@home> and 1<2",
        "\U0001f469\u200d\U0001f680 \u2764\ufe0f 1\ufe0f\u20e3 \U0001f44d\U0001f3fd",
        "Zoe\u0308 \u05e9\u05dc\u05d5\u05dd \u0915\u094d\u200d\u0937 prix\u00a0: 5\u00a0\u20ac",
    ],
)
def test_text_that_is_no_markup_stays(owner: Connection, text: str) -> None:
    """Only real tags are markup, and only characters without a glyph are hidden."""
    assert text == plain_text(owner, text)


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        ("a<b and c=5>d", "a< b and c=5>d"),
        ("a<b and c=5", "a< b and c=5"),
        ("<abc <xyz n=5>", "< abc < xyz n=5>"),
        ("in the <style of 1920", "in the < style of 1920"),
        ("in the <style of 1920> and later", "in the < style of 1920> and later"),
        ("a <!-- b", "a < !-- b"),
        ("te\u200dapot", "teapot"),
    ],
)
def test_doubtful_bracket_loses_no_word(owner: Connection, sent: str, left: str) -> None:
    """A bracket that a browser could misread gets a space, and each word stays."""
    assert left == plain_text(owner, sent)


def test_line_has_no_breaks(owner: Connection) -> None:
    """plain_line replaces each line break by a space."""
    query = "select private.plain_line(%s)"

    assert [("one  two three four",)] == owner.execute(
        query, ["one\r\ntwo\tthree\u2028four\n"]
    ).fetchall()


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        (None, None),
        ("", None),
        ("\u200b", None),
        ("<script>alert(1)</script>", None),
        (" two\nlines\u202e ", "two lines"),
        ("x" * 501, "x" * 500),
        ("x" * 5_000_000, None),
    ],
)
def test_reason_is_a_short_line(owner: Connection, sent: str | None, left: str | None) -> None:
    """A reason is cleaned and cut; one that is far too long becomes null."""
    assert [(left,)] == owner.execute("select private.plain_reason(%s)", [sent]).fetchall()


@pytest.mark.parametrize(
    ("text", "length"),
    [("abc", 3), ("a \u00a0 b", 3), ("e\u0301\u0301", 1), ("\u0301\u0301", 0), ("", 0)],
)
def test_visible_length_counts_glyphs(owner: Connection, text: str, length: int) -> None:
    """A run of blanks counts as one character, a combining mark as none."""
    assert [(length,)] == owner.execute("select private.visible_length(%s)", [text]).fetchall()


@pytest.mark.parametrize(
    "piece",
    ["<", "<b", "<<b>b>", "<script>", "< ", "<style><", "</", "<a b=", "<a b='", "<!--", "=<x "],
)
def test_hostile_text_is_cleaned_in_time(owner: Connection, piece: str) -> None:
    """The time to clean a hostile text does not grow with the square of its length.

    The text has four times the longest length. Then a busy machine does not reach the time limit.
    """
    text = piece * (32 * 1024 // len(piece))
    query = "select private.plain_text(%s, 4 * 4096) is null"
    owner.execute("set local statement_timeout = '10s'")

    assert [(False,)] == owner.execute(query, [text]).fetchall()


@pytest.mark.parametrize("function", ["plain_text", "plain_line"])
def test_oversized_text_is_not_read(owner: Connection, function: str) -> None:
    """An oversized text becomes null before it is cleaned."""
    query = f"select private.{function}(repeat('<!--', 1250000))"
    owner.execute("set local statement_timeout = '10s'")

    assert [(None,)] == owner.execute(query.encode()).fetchall()


PIECES = st.sampled_from([
    "<", ">", "</", "b", "script", "img", "x", " ", "=", '"', "'", "/", "!--", "-->", "onerror=y",
    "\u200d", "\u202e", "\ufe0f", "\u0301", "\n", "\r", "\u2028", "\U0001f469", "&lt;", "style",
])  # fmt: skip
TEXTS = st.lists(PIECES, max_size=25).map("".join) | st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=60
)
SEARCH = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class Tags(HTMLParser):
    """Collects the tags that could act: scripts, images, styles, and all with a value."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that a browser would act on."""
        if tag in {"script", "img", "style"} or any(value for _, value in attrs):
            self.found.append(tag)


@SEARCH
@given(sent=TEXTS)
def test_cleaned_text_is_clean(owner: Connection, sent: str) -> None:
    """A cleaned text does not change again, and a browser finds no active tag in it."""
    left = plain_text(owner, sent)

    assert left == plain_text(owner, left)
    for end in ("", ">", '">', "'>"):
        tags = Tags()
        tags.feed(left + end)
        tags.close()
        assert [] == tags.found
    joiners = {"\u200c", "\u200d"}
    assert {"\n"} >= {c for c in left if unicodedata.category(c) in {"Cc", "Zl", "Zp"}}
    assert joiners >= {c for c in left if unicodedata.category(c) == "Cf"}


@SEARCH
@given(
    text=st.text(
        st.characters(
            whitelist_categories=["Lu", "Ll", "Lo", "Nd", "Po", "Sc", "Sm", "So"],
            blacklist_characters="<>\u115f\u1160\u3164\uffa0\u2800\ufffc\U0001d159",
        ),
        max_size=80,
    )
)
def test_innocent_text_is_unchanged(owner: Connection, text: str) -> None:
    """Letters, digits, punctuation and symbols stay as they were sent."""
    assert text == plain_text(owner, text)
