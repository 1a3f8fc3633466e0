from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from app.files.target_upload import target_picture
from clpips.errors import ImageError


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_becomes_a_png_named_after_its_file(kind: str) -> None:
    made = target_picture("my_red house.x", encoded(Image.new("RGB", (80, 100), "red"), kind))
    opened = Image.open(io.BytesIO(made.data))
    assert (made.name, opened.format, opened.mode) == ("my red house", "PNG", "RGB")
    assert (made.width, made.height) == opened.size == (80, 100)


def test_a_large_picture_is_scaled_down_and_keeps_its_shape() -> None:
    made = target_picture("a.jpg", encoded(Image.new("RGB", (2048, 1024)), "JPEG"))
    assert (made.width, made.height) == (1024, 512)


def test_transparency_is_laid_on_white() -> None:
    made = target_picture("a.png", encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 0))))
    assert Image.open(io.BytesIO(made.data)).getpixel((5, 5)) == (255, 255, 255)


def test_a_photograph_on_its_side_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    made = target_picture("a.jpg", encoded(Image.new("RGB", (100, 70)), "JPEG", exif=exif))
    assert (made.width, made.height) == (70, 100)


def test_greyscale_of_16_bits_keeps_its_shades() -> None:
    grey = Image.fromarray(np.full((64, 64), 0x8080, dtype=np.uint16))
    made = target_picture("a.png", encoded(grey))
    assert Image.open(io.BytesIO(made.data)).getpixel((5, 5)) == (128, 128, 128)


def huge_header() -> bytes:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a text file named .png", "is not one"),
        (b"", "is not one"),
        (encoded(Image.new("RGB", (64, 64)), "GIF"), "is not one"),
        (encoded(Image.effect_noise((256, 256), 90), "PNG")[:9_000], "cannot be read: .*truncated"),
        (encoded(Image.new("RGB", (10, 64))), "at least 64 pixels on each side, got 10×64"),
        (encoded(Image.new("RGB", (63, 64))), "at least 64 pixels on each side, got 63×64"),
        (huge_header(), "at most 50,000,000 pixels"),
    ],
)
def test_what_is_not_a_picture_gets_one_sentence_with_the_name_of_the_file(
    data: bytes, words: str
) -> None:
    with pytest.raises(ImageError, match=words) as caught:
        target_picture("holiday.png", data)
    assert str(caught.value).startswith("holiday.png: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [(4000, 64), (64, 3000)])
def test_a_picture_too_narrow_to_be_compared_once_scaled_is_refused(size: tuple[int, int]) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", size, "teal").save(buffer, "PNG")
    with pytest.raises(ImageError, match=r"long\.png: a target must have at least 32 pixels on"):
        target_picture("long.png", buffer.getvalue())
