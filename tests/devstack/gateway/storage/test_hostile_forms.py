"""Storage answers a broken form with 400 and stores no object."""

import uuid

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.devstack.gateway.storage.clients import assert_clear, refusal
from tests.support.fuzzing import fuzzed


def form(*parts: bytes, end: bytes = b"--b--\r\n") -> bytes:
    return b"".join(b"--b\r\n" + part + b"\r\n" for part in parts) + end


FIELD = b'Content-Disposition: form-data; name="a"\r\n\r\n1'
FILE = b'Content-Disposition: form-data; name="f"; filename="f"\r\n\r\nx'


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "multipart/form-data; boundary=b"),
        (b"nonsense", "multipart/form-data; boundary=b"),
        (form(FIELD), "multipart/form-data; boundary=b"),
        (form(FILE, end=b""), "multipart/form-data; boundary=b"),
        (form(FILE), "multipart/form-data"),
        (form(FILE), "multipart/form-data; boundary="),
        (form(FILE), "multipart/form-data; boundary=c"),
        (form(FILE), "multipart/form-data; boundary=" + "b" * 500),
        (form(*[FIELD] * 11, FILE), "multipart/form-data; boundary=b"),
        (form(b"no colon\r\n\r\nx", FILE), "multipart/form-data; boundary=b"),
        (form(b"\xff\xfe: \xff\r\n\r\nx"), "multipart/form-data; boundary=b"),
        (form(b"A: " + b"x" * 100_000 + b"\r\n\r\nx", FILE), "multipart/form-data; boundary=b"),
        (form(b"A: b\r\n" * 1000 + b"\r\nx", FILE), "multipart/form-data; boundary=b"),
        (
            form(b'Content-Disposition: form-data; name="metadata"\r\n\r\n' + b"x" * 2**20 + b"x"),
            "multipart/form-data; boundary=b",
        ),
    ],
    ids=range(14),
)
def test_broken_form_is_refused(http: httpx.Client, body: bytes, kind: str) -> None:
    """Storage refuses a form without a file, an end or a boundary, and one with too much."""
    place = f"/object/notes/{uuid.uuid4()}"
    answer = http.post(place, content=body, headers={"content-type": kind})

    assert "InvalidRequest" in refusal(answer) or "EntityTooLarge" in refusal(answer)
    assert 400 == http.head(place).status_code


def test_second_file_of_a_form_is_passed_over(http: httpx.Client) -> None:
    """Storage stores the first file of a form and ignores a second one."""
    place = f"/object/notes/{uuid.uuid4()}"
    second = FILE.replace(b"\r\n\r\nx", b"\r\n\r\nyyyy")
    headers = {"content-type": "multipart/form-data; boundary=b"}
    answer = http.post(place, content=form(FIELD, FILE, second, FIELD), headers=headers)

    assert answer.is_success
    assert b"x" == http.get(place).content


@fuzzed(40)
@given(st.binary(max_size=200), st.binary(max_size=40))
def test_any_form_is_answered(http: httpx.Client, content: bytes, head: bytes) -> None:
    """Storage answers any bytes as a form, or in the headers of a part."""
    place = f"/object/tiny/{uuid.uuid4()}"
    part = b"Content-Disposition: " + head + b"\r\n\r\n" + content
    headers = {"content-type": "multipart/form-data; boundary=b"}

    for body in (form(part, FILE), content):
        assert_clear(http.post(place, content=body, headers=headers))
