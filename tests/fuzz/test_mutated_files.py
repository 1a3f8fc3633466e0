"""Mutated files: every reader answers with its own error in one line, or reads them.

The suite tries a few mutations of each seed; ``make fuzz`` tries 20,000 a reader.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import near_identities as fakes
import numpy as np
import pytest
from identity_uploads import packed, tables
from pictures import layer_person, simulated
from PIL import Image, ImageCms
from staged import ranked_study

from app.files.bundle import open_bundle, write_bundle
from app.files.identity_tables import GALLERY, QUERIES, REFERENCES, read_upload
from app.store import Store
from clpips import CLPIPS
from clpips.errors import ClpipsError
from clpips.evaluation.held_out import fit_and_hold_out
from clpips.export.report_numbers import numbers_of_report, read_report
from clpips.generation.pool import read_pool
from clpips.identity.human_ratings import read_ratings
from clpips.identity.near_identity_set import open_near_identity_set
from clpips.identity.part_level_set import is_part_level_set, open_part_level_set
from clpips.io.image_files import read_picture
from clpips.io.rankings import read_rankings
from clpips.progress import Watch

COUNT = int(os.environ.get("CLPIPS_FUZZ", "120"))
"""Mutations a reader."""
ORIGINAL = 40
"""One in so many files is left as it is: a reader that refused everything would pass otherwise."""
EXTREMES = (b"\x00" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"\xef\xbb\xbf")

Reader = Callable[[bytes, str], object]


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """One to four changes: bytes flipped, cut out, doubled, put in, set to extremes, or the end."""
    found = bytearray(data)
    for _ in range(int(rng.integers(1, 5))):
        at, long = int(rng.integers(0, len(found) + 1)), int(rng.geometric(0.2))
        match int(rng.integers(0, 6)):
            case 0:
                found[at : at + long] = rng.bytes(len(found[at : at + long]))
            case 1:
                del found[at : at + long]
            case 2:
                found[at:at] = found[at : at + long]
            case 3:
                found[at:at] = rng.bytes(long)
            case 4:
                extreme = EXTREMES[int(rng.integers(0, len(EXTREMES)))]
                found[at : at + len(extreme)] = extreme
            case _:
                if rng.random() < 0.3:
                    del found[at:]
    return bytes(found)


def try_all(seeds: dict[str, bytes], read: Reader) -> None:
    """Mutations of the seeds in turn; the originals now and then."""
    names, read_well = sorted(seeds), 0
    for number in range(COUNT):
        rng = np.random.default_rng([number, 15])
        name = names[number % len(names)]
        original = number % ORIGINAL < len(names) and number < ORIGINAL
        data = seeds[name] if original else mutated(seeds[name], rng)
        try:
            read(data, name)
        except ClpipsError as error:
            assert not original, f"{name} itself was refused: {error}"
            assert "\n" not in str(error) and len(str(error)) < 1000, (number, name, str(error))
        except Exception as error:  # noqa: BLE001 # that is what is looked for
            pytest.fail(f"mutation {number} of {name}: {type(error).__name__}: {error}")
        else:
            read_well += 1
    assert read_well >= len(names)


def file_reader(folder: Path, read: Callable[[Path], object]) -> Reader:
    def from_file(data: bytes, name: str) -> object:
        (folder / name).write_bytes(data)
        return read(folder / name)

    return from_file


def picture_files() -> dict[str, bytes]:
    """A small picture in each format, with profiles, rotation and animation."""
    rng = np.random.default_rng(1)
    colours = Image.fromarray(rng.integers(0, 255, (40, 48, 3), dtype=np.uint8))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a gull"
    grey = Image.fromarray(rng.integers(0, 65535, (40, 48), dtype=np.uint16))
    found: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "a.png": (colours, {"icc_profile": profile, "exif": exif}),
        "b.png": (grey, {}),
        "c.png": (colours, {"save_all": True, "append_images": [colours.rotate(90)]}),
        "d.jpg": (colours, {"exif": exif, "icc_profile": profile}),
        "e.webp": (colours, {"exif": exif}),
        "f.tiff": (colours, {"compression": "tiff_lzw"}),
        "g.gif": (colours, {"save_all": True, "append_images": [colours.rotate(90)]}),
        "h.bmp": (colours, {}),
        "i.ppm": (colours, {}),
    }
    written = {}
    for name, (image, options) in found.items():
        buffer = io.BytesIO()
        image.save(buffer, Image.registered_extensions()[f".{name.partition('.')[2]}"], **options)
        written[name] = buffer.getvalue()
    return written


def test_pictures() -> None:
    try_all(picture_files(), lambda data, name: read_picture(data, name))


def test_rankings(tmp_path: Path) -> None:
    import pandas as pd

    for name in ("t", "a", "b", "Möwe"):
        (tmp_path / f"{name}.png").write_bytes(b"only its existence is looked at here")
    rows = [("ann", "t.png", f"{each}.png", n + 1) for n, each in enumerate(("a", "b", "Möwe"))]
    table = pd.DataFrame(rows, columns=["participant", "target", "image", "rank"])
    table["confidence"], table["note"] = 0.5, 'two\n"lines"'
    parquet = io.BytesIO()
    table.to_parquet(parquet)
    seeds = {
        "r.csv": table.to_csv(index=False).encode(),
        "s.csv": ("sep=;\n" + table.to_csv(index=False, sep=";")).encode("utf-16"),
        "r.jsonl": table.to_json(orient="records", lines=True).encode(),
        "r.parquet": parquet.getvalue(),
    }
    try_all(seeds, file_reader(tmp_path, read_rankings))


def test_pools(tmp_path: Path) -> None:
    picture = picture_files()["a.png"]
    seeds = {}
    for name, packing in (("a.zip", zipfile.ZIP_STORED), ("b.zip", zipfile.ZIP_DEFLATED)):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", packing) as packed:
            packed.writestr("sea/Möwe.png", picture)
            packed.writestr("captions.csv", "image;caption;target\nsea/Möwe.png;a gull;sea\n")
        seeds[name] = buffer.getvalue()
    try_all(seeds, file_reader(tmp_path, read_pool))


def test_identity_uploads(tmp_path: Path) -> None:
    def read(path: Path) -> object:
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            names = (QUERIES, GALLERY, REFERENCES)
            return read_upload(path, Path(folder) / "unpacked", names, [], Watch())

    rows = {"queries": ("a,Möwe,good", "b,Möwe"), "gallery": ("a,Möwe",)}
    try_all({"a.zip": packed(tables(**rows))}, file_reader(tmp_path, read))


def test_bundles(tmp_path: Path) -> None:
    store = Store(tmp_path / "here")
    write_bundle(store, ranked_study(store, people=1, targets=1).id, tmp_path / "b.zip", Watch())
    there = Store(tmp_path / "there")
    seeds = {"b.zip": (tmp_path / "b.zip").read_bytes()}
    try_all(seeds, file_reader(tmp_path, lambda path: open_bundle(there, path, Watch())))


def test_personal_metrics(tmp_path: Path) -> None:
    metric = CLPIPS("alex")
    vectors = np.random.default_rng(2).random((6, 30, len(metric.weights)))
    observed = simulated(vectors, layer_person(2), range(6), seed=1, participant="ann")
    fitted = fit_and_hold_out(metric, observed)
    assert fitted is not None
    metric.save(tmp_path / "m.safetensors")
    seeds = {"m.safetensors": (tmp_path / "m.safetensors").read_bytes()}
    try_all(seeds, file_reader(tmp_path, CLPIPS.load))


def test_reports(tmp_path: Path) -> None:
    side = {"spearman": 0.5, "spearman_ci": [0.4, 0.6], "icc": 0.5, "n_rankings": 6}
    held_out = {"stock": side, "personal": side, "gain": 0.1, "gain_ci": [0.0, 0.2], "p": 0.03}
    report = {"participants": {"ann": {"n_rankings": 6, "held_out": held_out}}, "backbone": "alex"}
    seeds = {"report.json": json.dumps(report).encode()}
    try_all(seeds, file_reader(tmp_path, lambda path: numbers_of_report(read_report(path))))


def test_near_identity_tables(tmp_path: Path) -> None:
    fakes.csv_set(tmp_path, masks=True)
    seeds = {"nearid.csv": (tmp_path / "nearid.csv").read_bytes()}
    try_all(seeds, file_reader(tmp_path, lambda path: open_near_identity_set(path, masks=True)))


def test_published_near_identity_sets(tmp_path: Path) -> None:
    fakes.parquet_set(tmp_path, masks=True)
    seeds = {name: (tmp_path / name).read_bytes() for name in ("positives.parquet", "flux.parquet")}

    def read(data: bytes, name: str) -> object:
        for each, original in seeds.items():
            (tmp_path / each).write_bytes(data if each == name else original)
        return list(open_near_identity_set(tmp_path).views())

    try_all(seeds, read)


def test_part_level_sets(tmp_path: Path) -> None:
    file = next(fakes.part_level_set(tmp_path, 2).rglob("*.parquet"))

    def read(path: Path) -> object:
        return is_part_level_set(path) and list(open_part_level_set(path).pairs())

    try_all({"mtg.parquet": file.read_bytes()}, file_reader(tmp_path, read))


def test_ratings(tmp_path: Path) -> None:
    held = {"object_00_cup-0_0": 1, "object_20_rubik's_cube-1_0": 2.5, "style_00_Möwe-0_0": None}
    seeds = {"r.json": json.dumps(held, ensure_ascii=False).encode()}
    try_all(seeds, file_reader(tmp_path, read_ratings))
