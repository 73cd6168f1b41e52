"""Drawn requests: some differ slightly from an accepted one, others in every part."""

import copy
import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from service.route_table import Route


_URL_TEXT = re.compile("[^\ud800-\udfff]{1,99}", re.DOTALL)
#: Personal text that no log may have.
MARK = "Quartermaine"
TEXTS = (
    "", " ", "\x00", f"{MARK}\x00", "\ud800", f"{MARK}\udfff", "\u202e", "\ufeff", MARK * 1_000,
    "'; drop table users; --", "{{7*7}}", "../../etc/passwd", "null", "NaN", "-0", "1e400",
    "0001-01-01", "9999-12-31", "2026-02-30", "00000000-0000-0000-0000-000000000000",
    "{7b0d3d52-4a3e-4f0e-8a77-5c9b6a1e2d22}", "urn:uuid:7b0d3d52-4a3e-4f0e-8a77-5c9b6a1e2d22",
    "\U0001d54f", "\u0661\u0662\u0663", "\u017f", "\u0130", "a\r\nb: c",
)  # fmt: skip
NUMBERS = (-1, 0, 1, 2**31, 2**53 + 1, 2**63, 10**400, 0.1, -0.0, 1e308, 1e-320, 99.5)
OTHERS: tuple[Any, ...] = (
    None, True, False, [], {}, [[]], {"": {}}, [None], {"__proto__": 1}, {"$ne": None},
)  # fmt: skip
HOSTILE = st.one_of(
    st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.sampled_from(OTHERS), st.text(max_size=20),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=5,
    ),
)  # fmt: skip
#: A URL holds no unpaired surrogate, and few letters. Logs have paths, so no path has MARK.
WORDS = st.one_of(
    st.sampled_from([text for text in TEXTS if _URL_TEXT.fullmatch(text) and MARK not in text]),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
)
TYPES = (
    "application/json", "application/json; charset=utf-16", "application/json; charset=x",
    "application/merge-patch+json", "text/plain", "text/plain; charset=utf-7", "text/html",
    "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=b",
    "multipart/form-data; boundary=", "application/xml", "application/octet-stream", "/", "",
)  # fmt: skip
#: Bodies that are no object, or no JSON. Hypothesis prints an example of 30 kB at most.
RAW = (
    b"", b" ", b"null", b"0", b'"x"', b"[]", b"{", b"{}}", b"{}{}", b"{} x", b"\xef\xbb\xbf{}",
    b"\xff\xfe{\x00}\x00", b"\x80", b"{'a': 1}", b"{a: 1}", b"NaN", b"[NaN]", b"Infinity",
    b'{"a": NaN}', b'{"a": 1e999999}', b'{"a": ' + b"9" * 5_000 + b"}", b"[" * 9_000,
    b'{"a":' * 3_000 + b"1" + b"}" * 3_000, b"a=1&a=2", b"%", b"--b\r\n\r\n", b"--b--\r\n",
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="\x00"\r\n\r\nx\r\n--b--\r\n',
    b"x=" + b"a&" * 3_000,
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RequestParts:
    """The parts of a request that are drawn; a part that is None stays that of the good request."""

    content: bytes
    content_type: str = "application/json"
    query: Mapping[str, str] | None = None
    path: Mapping[str, str] | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


def requests_near(
    route: Route[Any], body: Mapping[str, Any] | None
) -> st.SearchStrategy[RequestParts]:
    """Return drawn requests; most differ from the good one in one place."""
    return st.builds(
        RequestParts,
        content=_bodies(body or {}),
        content_type=st.sampled_from(("application/json",) * 10 + TYPES),
        query=st.none() | _queries(route),
        path=st.none() | _paths(route),
        headers=st.just({}) | st.fixed_dictionaries({"Idempotency-Key": _HEADERS}),
    )


_HEADERS = st.sampled_from(("", "x", "k" * 4_000, "7b0d3d52-4a3e-4f0e-8a77-5c9b6a1e2d22", "{}"))


def _bodies(body: Mapping[str, Any]) -> st.SearchStrategy[bytes]:
    changed = _changed(body).map(_as_json)
    return st.one_of(
        changed,
        changed,
        changed.map(lambda text: text + b"garbage"),
        changed.map(lambda text: text[:-1] + b"," + text[1:] if len(text) > 2 else text),
        st.sampled_from(RAW),
        st.binary(max_size=40),
    )


def _as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


@st.composite
def _changed(draw: st.DrawFn, body: Mapping[str, Any]) -> Any:
    """Change one field, remove one, or add one."""
    changed: Any = copy.deepcopy(dict(body))
    place = changed
    name = draw(st.sampled_from([*changed, "extra"]))
    if isinstance(place.get(name), dict) and draw(st.booleans()):
        place = place[name]
        name = draw(st.sampled_from([*place, "extra"]))
    if name in place and draw(st.integers(0, 4)) == 0:
        del place[name]
    else:
        place[name] = draw(HOSTILE)
    return changed


def _queries(route: Route[Any]) -> st.SearchStrategy[Mapping[str, str]]:
    names = [] if route.query is None else list(route.query.model_json_schema()["properties"])
    return st.dictionaries(st.sampled_from([*names, "extra"]), WORDS, max_size=3)


def _paths(route: Route[Any]) -> st.SearchStrategy[Mapping[str, str]]:
    return st.fixed_dictionaries(dict.fromkeys(route.path, WORDS))
