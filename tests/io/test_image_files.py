"""Image files as people have them: colour profiles, 16 bits and animations."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from pictures import scene
from PIL import Image, ImageCms

from clpips.io.image_files import ANIMATED, read_picture
from clpips.io.images import load_image


def swapped_profile() -> bytes:
    """A profile whose first channel is sRGB's green and whose second is its red."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swap = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}
    tags = int.from_bytes(data[128:132], "big")
    for at in range(132, 132 + 12 * tags, 12):
        name = data[at : at + 4]
        data = data[:at] + swap.get(name, name) + data[at + 4 :]
    return data.replace("sRGB".encode("utf-16-be"), "Swap".encode("utf-16-be"))


def saved(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def both_ways(data: bytes, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The pixels that people are shown and those that the metric reads, 0 to 255."""
    path = folder / "file"
    path.write_bytes(data)
    read = (load_image(path).permute(1, 2, 0).numpy() + 1) * 127.5
    return np.asarray(read_picture(data, "file")).astype(float), read


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_an_embedded_profile_is_applied_and_dropped(tmp_path: Path, mode: str) -> None:
    plain = scene(1, 64).convert("RGB")
    if mode == "P":
        plain = plain.quantize(64).convert("RGB")
    red, green, blue = plain.split()
    tagged = Image.merge("RGB", (green, red, blue))
    tagged = tagged.quantize(256) if mode == "P" else tagged.convert(mode)
    data = saved(tagged, icc_profile=swapped_profile())
    for pixels in both_ways(data, tmp_path):
        assert np.abs(pixels - np.asarray(plain)).max() <= 2
    picture = read_picture(data, "file")
    assert "icc_profile" not in picture.info
    assert picture.info["notes"] == ["colours converted from the profile 'Swap built-in' to sRGB"]


def test_transparency_is_kept_when_a_profile_is_applied() -> None:
    clear = Image.new("RGBA", (64, 64), (200, 30, 90, 0))
    picture = read_picture(saved(clear, icc_profile=swapped_profile()), "file")
    assert picture.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("profile", [b"", b"not a profile", b"\0" * 200])
def test_a_profile_that_cannot_be_used_is_ignored(tmp_path: Path, profile: bytes) -> None:
    plain = scene(1, 64).convert("RGB")
    for pixels in both_ways(saved(plain, icc_profile=profile), tmp_path):
        assert np.array_equal(pixels.round(), np.asarray(plain))


def test_an_srgb_profile_changes_no_pixel() -> None:
    plain = scene(1, 64).convert("RGB")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = read_picture(saved(plain, icc_profile=profile), "file")
    assert np.array_equal(np.asarray(picture), np.asarray(plain))
    assert picture.info == {"notes": []}


def test_sixteen_bits_of_grey_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    grey = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    for pixels in both_ways(saved(Image.fromarray(grey)), tmp_path):
        assert np.abs(pixels[..., 0] - grey / 257).max() <= 0.5


@pytest.mark.parametrize("format_", ["PNG", "GIF", "WEBP"])
@pytest.mark.parametrize("default_image", [False, True])
def test_the_first_frame_of_the_animation_is_read(
    tmp_path: Path, format_: str, default_image: bool
) -> None:
    """Browsers never show the default image of an APNG that is no frame of its animation."""
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("blue", "lime")]
    placeholder = [Image.new("RGB", (64, 64), "red")] if default_image and format_ == "PNG" else []
    first, *others = placeholder + frames
    options = {"default_image": True} if placeholder else {}
    lossless = {"lossless": True} if format_ == "WEBP" else {}
    data = saved(
        first, format_, save_all=True, append_images=others, duration=100, **options, **lossless
    )
    for pixels in both_ways(data, tmp_path):
        assert tuple(pixels[5, 5].round()) == (0, 0, 255)
    assert read_picture(data, "file").info["notes"] == [ANIMATED]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_a_tiff_file_is_turned_upright(tmp_path: Path, mode: str, orientation: int) -> None:
    """Pillow maps uncompressed ones into memory, by the size after rotation."""
    ramp = np.tile(np.arange(96, dtype=np.uint8) * 2, (64, 1))
    grey = Image.fromarray(ramp)
    image = Image.fromarray(ramp.astype(np.uint16) * 257) if mode == "I;16" else grey.convert(mode)
    path = tmp_path / "turned.tif"
    exif = Image.Exif()
    exif[274] = orientation
    image.save(path, exif=exif)
    turns = {3: 2, 6: 3, 8: 1}
    expected = np.rot90(ramp, turns[orientation])
    for pixels in both_ways(path.read_bytes(), tmp_path):
        assert np.abs(pixels[..., 0] - expected).max() <= 1
    with Image.open(path) as opened:
        read = (load_image(opened)[0].numpy() + 1) * 127.5
        assert np.abs(read - expected).max() <= 1
        assert opened.filename == str(path)
