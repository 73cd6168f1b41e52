"""`market.files.decoding`: each file is decoded in a process of its own, which has limits."""

import subprocess
import sys
from pathlib import Path

import pytest

from market.errors import MarketError, RejectedError, TransientError
from market.files import decoder, decoding, documents, images
from market.files.decoding import Kind, decode, is_pdf
from tests.support.pictures import encoded, halves, pdf, raw_pdf


@pytest.fixture(autouse=True)
def _decoder_has_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a busy machine take longer than the product allows to start a process."""
    monkeypatch.setattr(decoding, "_TIMEOUT_S", 60.0)


def test_process_decodes_as_the_modules_do() -> None:
    """The file passes through two pipes unchanged."""
    picture = encoded(halves(900, 600), "PNG")

    assert images.prepare(picture, images.PHOTO_BOX) == decode(picture, Kind.PHOTO)
    assert images.prepare(picture, images.AVATAR_BOX) == decode(picture, Kind.AVATAR)
    assert documents.prepare(raw_pdf()) == decode(raw_pdf(), Kind.DOCUMENT)


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        (b"<html>", Kind.PHOTO, "The picture is malformed"),
        (pdf() + b"x", Kind.DOCUMENT, "The PDF is malformed"),
    ],
)
def test_refusal_keeps_its_words(data: bytes, kind: Kind, text: str) -> None:
    """The user reads the decoder's text of a refusal."""
    with pytest.raises(RejectedError) as caught:
        decode(data, kind)

    assert ("VALIDATION_ERROR", text) == (caught.value.code, caught.value.text)


@pytest.mark.parametrize("kind", Kind)
def test_answer_is_read_as_it_was_written(kind: Kind) -> None:
    """The answer may contain line breaks inside the file."""
    data = raw_pdf() if kind is Kind.DOCUMENT else encoded(halves())
    expected = (
        documents.prepare(data)
        if kind is Kind.DOCUMENT
        else images.prepare(data, images.AVATAR_BOX if kind is Kind.AVATAR else images.PHOTO_BOX)
    )

    assert b"\n" in expected.data
    assert expected == decoding._read(decoder.answer_to(kind, data))  # noqa: SLF001 - the two halves


def test_process_has_limits() -> None:
    """The decoder ends at 768 MB of memory, and after 3 s of work."""
    program = """
import resource as r
from market.files import decoder
limits = r.RLIMIT_AS, r.RLIMIT_CPU, r.RLIMIT_CORE, r.RLIMIT_FSIZE
decoder.answer_to = lambda *_: repr([r.getrlimit(limit) for limit in limits]).encode()
decoder.main()
"""
    ending = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", program, "photo"],
        check=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
    )

    memory = 768 * 1024 * 1024
    assert repr([(memory, memory), (3, 4), (0, 0), (0, 0)]).encode() == ending.stdout


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of the program that runs instead of the decoder."""
    path = tmp_path / "program.py"
    monkeypatch.setattr(decoding, "_COMMAND", (sys.executable, str(path)))
    return path


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("import signal, os; os.kill(os.getpid(), signal.SIGXCPU)", "VALIDATION_ERROR: .* 24"),
        ("import os; os.abort()", "VALIDATION_ERROR: .* 6"),
        ("import nothing_of_this_name", "INTERNAL_ERROR: [^$]*ModuleNotFoundError"),
    ],
    ids=["time", "crash", "bug"],
)
def test_end_of_the_process_is_understood(program: Path, text: str, error: str) -> None:
    """Each exit of the decoder has a code: limits and crashes refuse, our mistakes raise."""
    program.write_text(text)

    with pytest.raises(MarketError, match=error):
        decode(pdf(), Kind.DOCUMENT)


def test_slow_process_is_ended(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow decoder is killed, and the user may try again."""
    monkeypatch.setattr(decoding, "_TIMEOUT_S", 0.01)
    program.write_text("import signal; signal.pause()")

    with pytest.raises(TransientError, match="TIMEOUT"):
        decode(pdf(), Kind.DOCUMENT)


def test_process_has_no_secret(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that an attacker has taken over finds no key in its environment."""
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_secret")
    program.write_text(
        'import os\nprint(\'{"media_type": "", "extension": ""}\')\nprint(*os.environ)'
    )

    assert b"STRIPE" not in decode(pdf(), Kind.DOCUMENT).data


@pytest.mark.parametrize("data", [b"", b" %PDF-1.4", b"<html>%PDF-1.4", b"%PDF-3.0", b"%!PS"])
def test_first_bytes_decide_the_type(data: bytes) -> None:
    """The first bytes decide the type, and not a header later in the file."""
    assert is_pdf(pdf())
    assert not is_pdf(data)
