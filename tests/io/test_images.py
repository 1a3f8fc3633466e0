"""Anything that is a picture becomes a checked tensor in [-1, 1]; the rest is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import huge_png_header
from PIL import Image

from clpips.errors import ImageError
from clpips.io.images import MAX_PIXELS, load_image, resize_like

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)


def png(path: Path, image: Image.Image) -> Path:
    image.save(path)
    return path


def test_every_kind_of_source_gives_the_same_tensor(tmp_path: Path) -> None:
    expected = torch.from_numpy(RGB.transpose(2, 0, 1).astype(np.float32) / 127.5 - 1)
    as_zero_one = torch.from_numpy(RGB.transpose(2, 0, 1).copy()).double() / 255
    sources = [
        load_image(png(tmp_path / "a.png", Image.fromarray(RGB))),
        load_image(str(tmp_path / "a.png")),
        load_image(Image.fromarray(RGB)),
        load_image(RGB),
        load_image(torch.from_numpy(RGB.transpose(2, 0, 1).copy())),
        load_image(as_zero_one, value_range=(0, 1)),
        load_image(as_zero_one[None] * 2 - 1),
        load_image(RGB.astype(np.float32), value_range=(0, 255)),
        load_image(RGB.astype(np.uint16) * 257),
    ]
    for tensor in sources:
        assert tensor.dtype == torch.float32
        assert tensor.shape == (3, 40, 60)
        torch.testing.assert_close(tensor, expected, atol=2e-7, rtol=0)


def test_the_lpips_package_reads_the_same_values(tmp_path: Path) -> None:
    import lpips

    path = png(tmp_path / "a.png", Image.fromarray(RGB))
    theirs = lpips.im2tensor(np.asarray(Image.open(path)))[0]
    assert torch.equal(load_image(path), theirs)


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to show
    path = tmp_path / "turned.png"
    Image.fromarray(RGB).save(path, exif=exif)
    upright = np.rot90(RGB, k=-1)
    assert torch.equal(load_image(path), load_image(np.ascontiguousarray(upright)))


def test_alpha_is_laid_on_white(tmp_path: Path) -> None:
    clear = np.dstack([RGB, np.zeros((40, 60), np.uint8)])
    assert load_image(png(tmp_path / "clear.png", Image.fromarray(clear))).min() == 1
    half = clear[..., 3] // 1
    assert half.max() == 0
    assert load_image(clear).min() == 1


def test_greyscale_palette_and_one_bit_become_rgb(tmp_path: Path) -> None:
    grey = Image.fromarray(RGB).convert("L")
    expected = load_image(np.asarray(grey))
    assert torch.equal(load_image(grey), expected)
    assert torch.equal(expected[0], expected[1])
    for mode in ("P", "1", "CMYK", "LA"):
        assert load_image(Image.fromarray(RGB).convert(mode)).shape == (3, 40, 60)


def test_sixteen_bits_are_kept(tmp_path: Path) -> None:
    values = np.linspace(0, 65535, 40 * 60).reshape(40, 60).astype(np.uint16)
    tensor = load_image(png(tmp_path / "deep.png", Image.fromarray(values)))
    assert len(torch.unique(tensor[0])) > 2000  # 8 bits would leave 256
    torch.testing.assert_close(tensor[0], torch.from_numpy(values / 32767.5 - 1).float())


@pytest.mark.parametrize(
    "tensor",
    [
        torch.rand(3, 40, 40),  # a [0, 1] image handed in as [-1, 1]
        torch.rand(3, 40, 40) * 255,
        torch.full((3, 40, 40), float("nan")),
        torch.rand(3, 40, 40) * 4 - 2,
    ],
)
def test_a_tensor_outside_its_stated_range_is_refused(tensor: torch.Tensor) -> None:
    with pytest.raises(ImageError):
        load_image(tensor)
    with pytest.raises(ImageError):
        load_image(tensor, value_range=(-1, 1))


def test_a_bright_image_can_still_be_handed_in() -> None:
    white = torch.ones(3, 40, 40)
    assert load_image(white, value_range=(0, 1)).min() == 1


@pytest.mark.parametrize(
    "source",
    [
        np.zeros((40, 40, 2), np.uint8),
        np.zeros(40, np.uint8),
        torch.zeros(2, 3, 40, 40),
        np.zeros((40, 40, 3), np.int64),
        np.zeros((40, 40, 3), bool),
        12,
        None,
    ],
)
def test_what_is_not_an_image_is_refused(source: object) -> None:
    with pytest.raises(ImageError):
        load_image(source)  # type: ignore[arg-type]


def test_bad_files_are_refused_with_their_name(tmp_path: Path) -> None:
    text = tmp_path / "text.png"
    text.write_text("not an image at all")
    cut = tmp_path / "cut.png"
    cut.write_bytes(png(tmp_path / "whole.png", Image.fromarray(RGB)).read_bytes()[:200])
    for path in (text, cut, tmp_path / "missing.png", tmp_path):
        with pytest.raises(ImageError, match=path.name):
            load_image(path)


def test_a_sixty_thousand_pixel_header_is_refused_before_decoding(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(huge_png_header(60_000, 60_000))
    with pytest.raises(ImageError, match=f"at most {MAX_PIXELS:,} pixels"):
        load_image(path)


def test_the_pixel_limit_and_the_smallest_side_hold(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="at most 1,000 pixels"):
        load_image(RGB, max_pixels=1000)
    with pytest.raises(ImageError, match="at least 32 pixels"):
        load_image(RGB[:31])


def test_resizing_goes_to_the_target_and_stays_in_range() -> None:
    target, image = load_image(RGB), load_image(RNG.integers(0, 256, (90, 33, 3), dtype=np.uint8))
    resized = resize_like(image, target)
    assert resized.shape == target.shape
    assert resized.min() >= -1
    assert resized.max() <= 1
    assert resize_like(target, target) is target


def test_colours_multiplied_by_alpha_are_read_as_any_alpha() -> None:
    alpha = RNG.integers(0, 2, (40, 60), dtype=np.uint8) * 255
    rgba = Image.fromarray(np.dstack([RGB, alpha]))
    for mode, premultiplied in (("RGBA", "RGBa"), ("LA", "La")):
        image = rgba.convert(mode)
        assert torch.equal(load_image(image.convert(premultiplied)), load_image(image))


@pytest.mark.parametrize(
    "error",
    [
        struct.error("short"),
        NotImplementedError("pixel format"),
        RuntimeError("decoder"),
        OSError("two\nlines"),
        ValueError("bad mode"),
        SyntaxError("no marker"),
        MemoryError(),
        ZeroDivisionError("no width"),
        KeyError("tag"),
        TypeError("None"),
        Image.DecompressionBombError("large"),
    ],
)
def test_whatever_pillow_raises_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    path = png(tmp_path / "a.png", Image.fromarray(RGB))
    opened = Image.fromarray(RGB)

    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr("PIL.ImageOps.exif_transpose", broken)
    for source in (path, opened):
        with pytest.raises(ImageError) as caught:
            load_image(source)
        assert len(str(caught.value).splitlines()) == 1


def test_damaged_files_of_every_format_are_read_or_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for ending in ("png", "jpg", "jp2", "webp", "avif", "gif", "bmp", "tif", "ppm"):
        path = tmp_path / f"a.{ending}"
        whole = png(path, Image.fromarray(RGB)).read_bytes()
        assert load_image(path).shape == (3, 40, 60)
        for _ in range(10 if ending == "avif" else 60):
            damaged = np.frombuffer(whole, np.uint8).copy()
            places = rng.integers(0, min(len(damaged), 300), size=3)
            damaged[places] = rng.integers(0, 256, 3)
            path.write_bytes(damaged.tobytes()[: rng.integers(len(whole) // 2, len(whole) + 1)])
            try:
                load_image(path)
            except ImageError as refusal:
                assert len(str(refusal).splitlines()) == 1


def test_a_truncated_or_closed_pil_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    path.write_bytes(png(tmp_path / "whole.png", Image.fromarray(RGB)).read_bytes()[:2000])
    with Image.open(path) as cut, pytest.raises(ImageError, match="cannot be read"):
        load_image(cut)


def test_postscript_is_refused_before_anything_interprets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("Ghostscript was started")

    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", never)
    path = tmp_path / "a.png"
    path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n%%EOF\n")
    with pytest.raises(ImageError, match="got a file that is not one"):
        load_image(path)


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", "", "\ud800.png"])
def test_a_path_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(ImageError):
        load_image(name)


def test_a_zero_one_image_that_resizing_made_overshoot_is_refused() -> None:
    overshoot = torch.rand(3, 40, 40)
    overshoot[0, 0, 0] = -0.04
    with pytest.raises(ImageError, match=r"no value below -0.05, .*value_range=\(0, 1\)"):
        load_image(overshoot)
    overshoot[0, 0, 0] = -0.06
    assert load_image(overshoot).min() == pytest.approx(-0.06)


def test_the_way_out_for_a_bright_image_gives_its_own_values() -> None:
    bright = torch.rand(3, 40, 40)
    rescaled = load_image((bright + 1) / 2, value_range=(0, 1))
    torch.testing.assert_close(rescaled, bright, atol=1e-6, rtol=0)


@pytest.mark.parametrize("stated", [(0, 1, 2), (1, 0), (0, float("inf")), (float("nan"), 1)])
def test_an_impossible_range_is_refused(stated: tuple[float, ...]) -> None:
    with pytest.raises(ImageError, match="value_range must be"):
        load_image(torch.rand(3, 40, 40), value_range=stated)  # type: ignore[arg-type]


def test_a_tensor_without_numbers_that_can_be_had_is_refused() -> None:
    for tensor in (
        torch.zeros(3, 40, 40, device="meta"),
        torch.zeros(3, 40, 40).to(torch.float8_e4m3fn),
    ):
        with pytest.raises(ImageError, match="an image tensor must be"):
            load_image(tensor)


@pytest.mark.parametrize("value_range", [3, "ab", (0, None), (0, "one"), (0, 1, 2), (1, 0)])
def test_a_range_that_is_none_is_refused(value_range) -> None:
    with pytest.raises(ImageError, match=r"value_range must be \(lowest, highest\)"):
        load_image(np.zeros((64, 64, 3), np.float32), value_range=value_range)
