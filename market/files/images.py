"""Turn a picture from outside into a small JPEG, and compute its perceptual hash.

Only pixels survive: the result is encoded anew. So metadata and text behind the picture are gone.
"""

import io
import statistics
import struct
import warnings
import zlib

from PIL import Image, WebPImagePlugin

from market.errors import RejectedError
from market.files.other_formats import refuse_other_formats
from market.files.types import Prepared


PHOTO_BOX = (1920, 1080)
AVATAR_BOX = (400, 400)
_SHORTEST_SIDE = 100
_LONGEST_SIDE = 5000
_QUALITY = 80
#: Without the import of WebP's module, Pillow would import all of its formats to find it.
_FORMATS = ("JPEG", "PNG", WebPImagePlugin.WebPImageFile.format)
#: A progressive picture has about ten scans. Each costs a pass over all pixels, so thousands of
#: tiny scans would take minutes.
_MOST_SCANS = 64
_SCAN = b"\xff\xda"
#: The metadata of a picture of ten megabytes fit into fewer segments. Pillow joins them one by one,
#: so hundreds of thousands of tiny ones would take half a minute.
_MOST_SEGMENTS = 1000
_METADATA = b"\xff\xe1"
_HASH_SIDE = 16
_HASH_BANDS = 4
_BRIGHTEST = 255
_ORIENTATION_TAG = 0x0112
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: With these orientations of EXIF, width and height change places.
_SIDEWAYS = frozenset({5, 6, 7, 8})
#: Errors that Pillow raises about malformed pictures. It has no common class for them.
_MALFORMED = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    AttributeError,
    EOFError,
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
    Warning,
    Image.DecompressionBombError,
)

# Pillow compares the announced size with this one before it decodes. It only warns of a picture
# that is up to twice as large, so make an error of the warning.
Image.MAX_IMAGE_PIXELS = _LONGEST_SIDE * _LONGEST_SIDE
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)
# It also warns of malformed metadata, which we drop.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def prepare(data: bytes, box: tuple[int, int]) -> Prepared:
    """Return a picture as a JPEG that fits into `box`, upright, on white, without metadata.

    A large picture takes up to 450 MB while it is decoded.

    Raises:
        RejectedError: `VALIDATION_ERROR` if it is no JPEG, PNG or WebP, is malformed or animated,
            has a side outside 100 to 5,000 pixels, or holds a file of another format.

    """
    _check_before_decoding(data)
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as opened:
            _check_opened(opened)
            refuse_other_formats(data)
            picture = _upright(opened, box)
            return _encoded(picture)
    except _MALFORMED as error:
        raise _refusal("The picture is malformed", type(error).__name__) from error


def _refusal(text: str, detail: str = "") -> RejectedError:
    return RejectedError("VALIDATION_ERROR", detail, text=text)


def _check_before_decoding(data: bytes) -> None:
    """Refuse what Pillow would spend much time or memory on before it tells the size."""
    if data.startswith(b"\xff\xd8\xff"):
        if data.count(_SCAN) > _MOST_SCANS:
            raise _refusal("The picture is malformed", "scans")
        if data.count(_METADATA) > _MOST_SEGMENTS:
            raise _refusal("The picture is malformed", "segments")
    elif data.startswith(b"RIFF"):
        # The decoder of WebP reserves memory for all pixels when it opens a file.
        _check_size(*_webp_size(data))


def _webp_size(data: bytes) -> tuple[int, int]:
    match data[12:16]:
        case b"VP8X":
            sides = int.from_bytes(data[24:27], "little"), int.from_bytes(data[27:30], "little")
            return sides[0] + 1, sides[1] + 1
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            sides = int.from_bytes(data[26:28], "little"), int.from_bytes(data[28:30], "little")
            return sides[0] & 0x3FFF, sides[1] & 0x3FFF
    raise _refusal("The picture is malformed", "webp")


def _check_size(width: int, height: int) -> None:
    if not all(_SHORTEST_SIDE <= side <= _LONGEST_SIDE for side in (width, height)):
        raise _refusal(f"Each side of a picture has {_SHORTEST_SIDE} to {_LONGEST_SIDE} pixels")


def _check_opened(opened: Image.Image) -> None:
    _check_size(*opened.size)
    # A phone may add a second picture for depth to a JPEG. Only the first one is read.
    if opened.format in ("PNG", "WEBP") and getattr(opened, "n_frames", 1) > 1:
        raise _refusal("The picture is animated")


def _upright(opened: Image.Image, box: tuple[int, int]) -> Image.Image:
    orientation = _orientation(opened)
    transposition = _TRANSPOSITIONS.get(orientation)
    box = box[::-1] if orientation in _SIDEWAYS else box
    # A JPEG can be decoded at a fraction of its size, which takes a fraction of the memory.
    opened.draft(None, box)
    picture = _in_rgb(opened)
    picture.thumbnail(box, Image.Resampling.LANCZOS)
    picture = _on_white(picture)
    return picture if transposition is None else picture.transpose(transposition)


def _orientation(opened: Image.Image) -> int:
    try:
        value = opened.getexif().get(_ORIENTATION_TAG, 1)
    except _MALFORMED:
        # The pixels may still be whole.
        return 1
    return value if value in _TRANSPOSITIONS else 1


def _in_rgb(opened: Image.Image) -> Image.Image:
    if opened.mode.startswith("I"):
        # Gray of 16 bits. Pillow would cut off values above 255.
        return opened.convert("I").point(lambda value: value * (1 / 256)).convert("RGB")
    mode = "RGBA" if opened.has_transparency_data else "RGB"
    # A conversion copies the picture even if it has that mode already.
    return opened if opened.mode == mode else opened.convert(mode)


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    white = Image.new("RGB", picture.size, "white")
    white.paste(picture, mask=picture.getchannel("A"))
    return white


def _encoded(picture: Image.Image) -> Prepared:
    # A comment or a colour profile would otherwise be copied into the result.
    picture.info.clear()
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return Prepared(
        data=buffer.getvalue(),
        media_type="image/jpeg",
        extension=".jpg",
        hash=perceptual_hash(picture),
        width=picture.width,
        height=picture.height,
    )


def perceptual_hash(picture: Image.Image) -> str:
    """Return the blockhash: 256 bits, one for each of 16 by 16 blocks, as 64 hexadecimal digits.

    A bit is set if its block is brighter than the median of its band of four rows. In a band of one
    brightness a bit is set if that is the brighter half.
    """
    # Floats keep what eight bits would round away.
    side = (_HASH_SIDE, _HASH_SIDE)
    means = picture.convert("L").convert("F").resize(side, Image.Resampling.BOX)
    values = struct.unpack(f"{_HASH_SIDE**2}f", means.tobytes())
    band_size = len(values) // _HASH_BANDS
    bits = 0
    for start in range(0, len(values), band_size):
        band = values[start : start + band_size]
        median = statistics.median(band)
        for value in band:
            is_middling = abs(value - median) < 1
            is_set = median > _BRIGHTEST / 2 if is_middling else value > median
            bits = bits << 1 | int(is_set)
    return f"{bits:064x}"
