"""`market.files.images`: pictures become small JPEGs without metadata, or are refused."""

import contextlib
import random
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from market.errors import RejectedError
from market.files import images
from market.files.images import AVATAR_BOX, PHOTO_BOX, perceptual_hash, prepare
from tests.support.pictures import (
    encoded,
    halves,
    opened,
    pdf,
    plain,
    png_that_announces,
    webp_that_announces,
)


RED, WHITE = (254, 0, 0), (255, 255, 255)
FORMS = ("JPEG", "PNG", "WEBP")


def pixel(data: bytes, at: tuple[int, int] = (5, 5)) -> Any:
    return opened(data).convert("RGB").getpixel(at)


def is_near(one: Any, other: Any) -> bool:
    return all(abs(a - b) <= 6 for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("form", FORMS)
def test_picture_becomes_a_jpeg(form: str) -> None:
    """The content decides the type, and not a name or a header."""
    file = prepare(encoded(halves(), form), PHOTO_BOX)

    assert ("image/jpeg", ".jpg", 200, 100) == (
        file.media_type, file.extension, file.width, file.height
    )  # fmt: skip
    assert "JPEG" == opened(file.data).format
    assert is_near(RED, pixel(file.data))
    assert re.fullmatch("[0-9a-f]{64}", file.hash or "")


@pytest.mark.parametrize(
    ("size", "box", "expected"),
    [
        ((1920, 1080), PHOTO_BOX, (1920, 1080)),
        ((2400, 1080), PHOTO_BOX, (1920, 864)),
        ((1000, 3000), PHOTO_BOX, (360, 1080)),
        ((100, 100), PHOTO_BOX, (100, 100)),
        ((800, 600), AVATAR_BOX, (400, 300)),
        ((5000, 100), PHOTO_BOX, (1920, 38)),
    ],
)
def test_picture_fits_into_its_box(
    size: tuple[int, int], box: tuple[int, int], expected: tuple[int, int]
) -> None:
    """A large picture is scaled down with its proportions, and a small one stays."""
    file = prepare(encoded(plain(*size)), box)

    assert expected == (file.width, file.height) == opened(file.data).size


@pytest.mark.parametrize(
    ("orientation", "left"),
    [(1, "red"), (2, "blue"), (3, "blue"), (4, "red"), (5, None), (6, None), (7, None), (8, None)],
)
def test_picture_is_upright(orientation: int, left: str | None) -> None:
    """The orientation tag is applied and removed."""
    exif = Image.Exif()
    exif[0x0112] = orientation

    file = prepare(encoded(halves(), exif=exif, quality=95), PHOTO_BOX)

    result = opened(file.data)
    assert ((200, 100) if left else (100, 200)) == result.size
    assert not result.getexif()
    first = "red" if left == "red" or orientation in {5, 6} else "blue"
    assert is_near((254, 0, 0) if first == "red" else (0, 0, 254), pixel(file.data))


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_tag_of_the_camera_counts_in_each_format(form: str) -> None:
    """The orientation tag counts in each format."""
    exif = Image.Exif()
    exif[0x0112] = 6

    result = opened(prepare(encoded(halves(), form, exif=exif), PHOTO_BOX).data)

    assert (100, 200) == result.size
    assert is_near((254, 0, 0), result.getpixel((5, 5)))


def test_metadata_is_gone() -> None:
    """Place, comment, profile and bytes after the end are removed."""
    exif = Image.Exif()
    exif[0x010E] = "secret-place"
    exif.get_ifd(0x8825).update({1: "S", 2: (33.0, 51.0, 31.0), 29: "secret-date"})
    data = encoded(
        halves(), exif=exif, comment=b"secret-comment", icc_profile=b"secret-profile",
        xmp=b"secret-xmp",
    )  # fmt: skip
    data += b"secret-trailer"

    assert opened(data).getexif().get_ifd(0x8825)

    result = prepare(data, PHOTO_BOX).data
    assert b"secret" not in result
    assert not opened(result).getexif()


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGBA", (255, 0, 0, 0), WHITE),
        ("RGBA", (255, 0, 0, 255), RED),
        ("RGBA", (0, 0, 0, 128), (127, 127, 127)),
        ("LA", (0, 0), WHITE),
        ("L", 200, (200, 200, 200)),
        ("1", 1, WHITE),
        ("I;16", 200 * 256, (200, 200, 200)),
    ],
)
def test_kind_of_colour_is_turned_into_rgb(mode: str, colour: Any, expected: Any) -> None:
    """Transparent pixels become white; gray of 16 bits keeps its brightness."""
    file = prepare(encoded(plain(mode=mode, colour=colour), "PNG"), PHOTO_BOX)

    assert is_near(expected, pixel(file.data))
    assert "RGB" == opened(file.data).mode


def test_palette_with_transparency_becomes_white() -> None:
    """A transparent palette colour becomes white."""
    picture = halves().quantize(4)
    data = encoded(picture, "PNG", transparency=picture.getpixel((5, 5)))

    result = prepare(data, PHOTO_BOX).data
    assert is_near(WHITE, pixel(result))
    assert is_near((0, 0, 254), pixel(result, (150, 50)))


def test_four_inks_become_rgb() -> None:
    """A CMYK picture becomes RGB."""
    data = encoded(plain(mode="CMYK", colour=(0, 255, 255, 0)))

    assert is_near(RED, pixel(prepare(data, PHOTO_BOX).data))


def test_three_colours_of_sixteen_bits_keep_their_brightness() -> None:
    """An RGB picture of 16 bits keeps its brightness."""
    row = b"\0" + bytes((200, 7, 100, 7, 50, 7)) * 120
    data = png_that_announces(120, 110, depth=16, pixels=row * 110)

    assert is_near((200, 100, 50), pixel(prepare(data, PHOTO_BOX).data))


@pytest.mark.parametrize("size", [(99, 200), (200, 99), (5001, 200), (200, 5001)])
@pytest.mark.parametrize("form", FORMS)
def test_side_out_of_bounds_is_refused(size: tuple[int, int], form: str) -> None:
    """Each side has 100 to 5,000 pixels."""
    with pytest.raises(RejectedError, match="VALIDATION_ERROR"):
        prepare(encoded(plain(*size), form), PHOTO_BOX)


def _with_height(data: bytes, height: int) -> bytes:
    """Return a JPEG whose header announces another height."""
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + height.to_bytes(2, "big") + data[at + 2 :]


@pytest.mark.parametrize(
    "data",
    [
        _with_height(encoded(halves()), 65_535),
        png_that_announces(0, 0),
        png_that_announces(0, 200),
        webp_that_announces(1, 1),
        png_that_announces(60_000, 60_000),
        png_that_announces(2**31 - 1, 2**31 - 1),
        png_that_announces(5_000, 6_000),
        webp_that_announces(16_000, 16_000),
        webp_that_announces(2**24, 2**24),
    ],
)
def test_bomb_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    """A huge size in the header is refused before the decoding."""
    monkeypatch.setattr(Image.Image, "convert", lambda *_: pytest.fail("decoded"))

    with pytest.raises(RejectedError, match="VALIDATION_ERROR"):
        prepare(data, PHOTO_BOX)


def test_jpeg_of_countless_scans_is_refused() -> None:
    """A JPEG with too many scans is refused, because each costs a pass over all pixels."""
    data = encoded(halves(), progressive=True)
    scan = data.index(b"\xff\xda")

    with pytest.raises(RejectedError, match="scans"):
        prepare(data[:scan] + data[scan : scan + 14] * 100 + data[scan:], PHOTO_BOX)


def test_jpeg_of_countless_segments_is_refused() -> None:
    """A JPEG with too many segments is refused, because Pillow joins them in quadratic time."""
    data = encoded(halves())
    segment = b"\xff\xe1\x00\x0eExif\0\0II*\0"

    with pytest.raises(RejectedError, match="segments"):
        prepare(data[:2] + segment * 1001 + data[2:], PHOTO_BOX)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_animation_is_refused(form: str) -> None:
    """An animation is refused."""
    data = encoded(halves(), form, save_all=True, append_images=[plain(200, 100)])

    with pytest.raises(RejectedError) as caught:
        prepare(data, PHOTO_BOX)

    assert "The picture is animated" == caught.value.text


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0", b"GIF89a\x01\0\x01\0", b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<html>", pdf(), b"PK\x03\x04", b"RIFF", b"RIFF\0\0\0\0WEBPVP8X", b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n", encoded(plain(), "GIF"), encoded(plain(), "TIFF"),
        encoded(plain(), "BMP"), encoded(halves(), "PNG")[:-40], encoded(halves())[:-400],
        encoded(halves(), "WEBP")[:-40], png_that_announces(200, 150),
        _with_height(encoded(halves()), 0),
    ],
)  # fmt: skip
def test_other_content_is_refused(data: bytes) -> None:
    """Other content is refused, whatever its name or header says."""
    with pytest.raises(RejectedError, match="VALIDATION_ERROR"):
        prepare(data, PHOTO_BOX)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_malformed_tag_of_the_camera_is_ignored() -> None:
    """A malformed orientation tag is ignored."""
    data = encoded(halves(), exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")

    assert 200 == prepare(data, PHOTO_BOX).width


def test_same_upload_gives_the_same_bytes() -> None:
    """A repeated upload gives the same bytes, which identify it."""
    data = encoded(halves(), "PNG")

    assert prepare(data, PHOTO_BOX) == prepare(data, PHOTO_BOX)


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def scene(seed: int, size: tuple[int, int] = (640, 480)) -> Image.Image:
    """Make a picture with large shapes."""
    small = Image.new("L", (8, 8))
    generator = random.Random(seed)  # noqa: S311 - a picture is no secret
    small.putdata([generator.randrange(256) for _ in range(64)])
    return small.resize(size, Image.Resampling.BICUBIC).convert("RGB")


@pytest.mark.parametrize("seed", range(2))
def test_hash_survives_another_encoding(seed: int) -> None:
    """A smaller copy of worse quality looks the same; another picture does not."""
    first = prepare(encoded(scene(seed), "PNG"), PHOTO_BOX).hash or ""
    copy = prepare(encoded(scene(seed).resize((320, 240)), quality=60), PHOTO_BOX).hash or ""
    other = prepare(encoded(scene(seed + 100), "PNG"), PHOTO_BOX).hash or ""

    assert distance(first, copy) <= 5 < distance(first, other)


def test_hash_has_a_bit_for_each_block() -> None:
    """The blocks come row by row; each is compared with the median of its band."""
    chess = Image.new("L", (16, 16))
    chess.putdata([255 * ((x + y) % 2) for y in range(16) for x in range(16)])

    assert "5555aaaa" * 8 == perceptual_hash(chess.resize((160, 160), Image.Resampling.NEAREST))
    assert "0" * 64 == perceptual_hash(plain(100, 100, mode="L", colour=10))
    assert "f" * 64 == perceptual_hash(plain(100, 100, mode="L", colour=240))


SEEDS = [encoded(scene(1, (120, 110)), form) for form in FORMS] + [
    encoded(scene(2, (120, 110)), progressive=True),
    encoded(scene(3, (120, 110)).convert("P"), "PNG"),
    encoded(scene(4, (120, 110)).convert("RGBA"), "WEBP", lossless=True),
]


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    data=st.sampled_from(SEEDS),
    changes=st.lists(
        st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=6)), max_size=6
    ),
    cut=st.integers(0, 200),
)
def test_changed_bytes_are_a_picture_or_a_refusal(
    data: bytes, changes: list[tuple[int, bytes]], cut: int
) -> None:
    """Changed bytes decode to a picture or raise a refusal, and nothing else."""
    changed = bytearray(data)
    for at, piece in changes:
        place = at % len(changed)
        changed[place : place + len(piece)] = piece
    with contextlib.suppress(RejectedError):
        file = prepare(bytes(changed[: len(changed) - cut]), PHOTO_BOX)
        assert "JPEG" == opened(file.data).format


def test_pillow_compares_the_size_first() -> None:
    """Pillow's own limit is ours."""
    assert 5000 * 5000 == Image.MAX_IMAGE_PIXELS == images._LONGEST_SIDE**2  # noqa: SLF001 - the limit
