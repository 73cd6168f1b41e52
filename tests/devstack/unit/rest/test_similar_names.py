"""Hints suggest the most similar names.

The pairs are those that PostgREST documents in its source, beside the functions of its hints
(https://github.com/PostgREST/postgrest/blob/main/src/PostgREST/Error.hs).
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstack.gateway.rest.plan.resolution import LOW_SIMILARITY, most_similar


@pytest.mark.parametrize(
    ("word", "words", "expected"),
    [
        ("testt", ["test", "another"], "test"),
        ("other", ["test"], None),
        ("noclosealternative", ["test", "another"], None),
        ("sayhell", ["sayhello", "add_them"], "sayhello"),
        ("listing", ["listings", "listing_photos"], "listings"),
        ("LISTINGS", ["listings"], "listings"),
        ("x" * 60_000, ["listings"], None),
        ("", ["listings"], None),
    ],
)
def test_similar_name_is_suggested(word: str, words: list[str], expected: str | None) -> None:
    """A hint suggests a name that is more similar than different."""
    assert most_similar(word, words) == expected


@pytest.mark.parametrize(
    ("given_", "lists", "expected"),
    [
        ("(nam, pqaram, vall)", ["(name, param, val)", "(attr, id)"], "(name, param, val)"),
        ("(param, val)", ["(name, param, val)", "(attr, id)"], "(name, param, val)"),
        ("(attrs, id)", ["(name, param, val)", "(attr, id)"], "(attr, id)"),
        ("(id)", ["(name, param, val)", "(attr, id)"], "(attr, id)"),
        ("(a, b, smthelse)", ["(a, b)"], "(a, b)"),
        ("(noclosealternative)", ["(name, param, val)", "(attr, id)"], None),
        ("(wrong_arg)", ["(a, b)", "(a, b, c)"], None),
    ],
)
def test_similar_arguments_are_suggested(
    given_: str, lists: list[str], expected: str | None
) -> None:
    """A hint at a list of arguments needs less similarity than a hint at a name."""
    assert most_similar(given_, lists, LOW_SIMILARITY) == expected


@given(st.text(min_size=1, max_size=12), st.lists(st.text(max_size=12), max_size=5))
def test_the_name_itself_is_always_found(word: str, words: list[str]) -> None:
    """A name is more similar to itself than to any other."""
    assert most_similar(word, [*words, word]) in {
        word,
        *(w for w in words if w.lower() == word.lower()),
    }
