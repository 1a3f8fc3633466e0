from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from pictures import scene
from PIL import Image
from staged import add_vectors, empty_study, end, job, person, ranked_study

from app.files import manifest as manifest_module
from app.files.bundle import OutsideBundle, open_bundle, write_bundle
from app.files.pools import add_pool
from app.jobs import fit
from app.settings import Settings
from app.store import Store
from app.study.arms import MakerArm
from app.study.types import Study
from app.worker import Worker
from clpips.errors import Cancelled, StudyError
from clpips.io.rankings import read_rankings
from clpips.metric.clpips import CLPIPS
from clpips.progress import Watch

Files = dict[str, bytes]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "data")


@pytest.fixture
def study(store: Store) -> Study:
    ready = ranked_study(store)
    add_vectors(store, ready)
    fit_everybody(store, ready)
    return ready


def fit_everybody(store: Store, study: Study) -> None:
    running = job(store, "fit", study, scope="each")
    fit.run(store, running, Watch())
    end(store, running)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle that is as it should be, made once."""
    folder = tmp_path_factory.mktemp("whole")
    store = Store(folder / "data")
    ready = ranked_study(store, people=1, targets=2)
    add_vectors(store, ready)
    fit_everybody(store, ready)
    return packed(store, ready, folder)


def packed(store: Store, study: Study, folder: Path) -> Path:
    path = folder / "study.zip"
    write_bundle(store, study.id, path, Watch())
    return path


def snapshot(store: Store) -> list[object]:
    """Everything in a data folder that a refused bundle must not change."""
    folder = store.settings.data_dir
    files = sorted(
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and "sqlite" not in path.name
    )
    return [files, store.studies.all(include_archived=True)]


def repacked(
    path: Path, changed: Path, change: Callable[[Files], None], *, relist: bool = False
) -> Path:
    """The same bundle with its files changed; ``relist`` makes the manifest agree with them."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    if relist:
        listing = json.loads(files.pop("manifest.json"))
        listing["files"] = {
            name: {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
            for name, data in files.items()
        }
        files["manifest.json"] = json.dumps(listing).encode()
    with zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return changed


def image_of(files: Files) -> str:
    return next(name for name in files if name.startswith("images/"))


def relisted(files: Files, change: Callable[[dict[str, object]], None]) -> None:
    listing = json.loads(files["manifest.json"])
    change(listing)
    files["manifest.json"] = json.dumps(listing).encode()


def test_a_bundle_opens_elsewhere_with_the_same_rankings_vectors_and_numbers(
    store: Store, study: Study, tmp_path: Path
) -> None:
    other = Store(tmp_path / "elsewhere")
    ranked_study(other, people=1, targets=1)  # so that its numbers differ
    there = open_bundle(other, packed(store, study, tmp_path), Watch())
    rankings = store.rankings.of_study(study.id)
    assert other.rankings.of_study(there.id) == rankings
    pairs = [(r.target, image) for r in rankings for image in r.images]
    mine, theirs = (each.vectors.of_pairs(pairs, "alex") for each in (store, other))
    assert all(np.array_equal(mine[pair], theirs[pair]) for pair in pairs)
    assert [each.report for each in other.fits.of_study(there.id)] == [
        each.report for each in store.fits.of_study(study.id)
    ]
    for target in other.studies.targets(there.id):
        assert other.images.path(target.image).read_bytes()
    fit_everybody(other, there)
    again, before = other.fits.of_study(there.id)[0], store.fits.of_study(study.id)[0]
    for path in (again.metric_path, other.fits.of_study(there.id)[2].metric_path):
        np.testing.assert_array_equal(
            CLPIPS.load(path).weights, CLPIPS.load(before.metric_path).weights
        )
    assert again.report["held_out"] == before.report["held_out"]


def test_a_manifest_tells_what_is_inside(store: Store, study: Study, tmp_path: Path) -> None:
    with zipfile.ZipFile(packed(store, study, tmp_path)) as archive:
        listing = json.loads(archive.read("manifest.json"))
        names = set(archive.namelist())
    assert (listing["format"], listing["version"]) == ("clpips-study-bundle", 1)
    assert listing["study"] == study.title
    assert listing["counts"] == {"participants": 2, "rankings": 6, "images": 27, "fits": 2}
    assert names == {"manifest.json", *listing["files"]}


def test_the_rankings_of_an_unzipped_bundle_can_be_read_where_they_lie(
    store: Store, study: Study, tmp_path: Path
) -> None:
    with zipfile.ZipFile(packed(store, study, tmp_path)) as archive:
        archive.extractall(tmp_path / "unzipped")
    found = read_rankings(tmp_path / "unzipped" / "rankings.csv")
    expected = store.rankings.of_study(study.id)
    assert [(r.participant, r.ranks) for r in found] == [(r.participant, r.ranks) for r in expected]
    assert [Path(r.target).stem for r in found] == [r.target for r in expected]


def test_a_study_without_rankings_is_packed_without_a_file_of_them(
    store: Store, tmp_path: Path
) -> None:
    with zipfile.ZipFile(packed(store, empty_study(store), tmp_path)) as archive:
        assert "rankings.csv" not in archive.namelist()


def test_a_bundle_opens_beside_its_own_study_with_weights_of_its_own(
    store: Store, study: Study, tmp_path: Path
) -> None:
    copy = open_bundle(store, packed(store, study, tmp_path), Watch(), title="A copy")
    assert copy.title == "A copy" and not copy.is_open
    paths = [{each.metric_path for each in store.fits.of_study(id)} for id in (study.id, copy.id)]
    assert not paths[0] & paths[1]
    assert all(path.is_file() for path in paths[1])
    second = open_bundle(store, packed(store, copy, tmp_path), Watch())
    assert store.rankings.of_study(second.id) == store.rankings.of_study(study.id)


def test_a_fit_whose_file_was_lost_gets_nobody_elses(
    store: Store, study: Study, tmp_path: Path
) -> None:
    store.fits.of_study(study.id)[0].metric_path.unlink()
    copy = open_bundle(store, packed(store, study, tmp_path), Watch())
    assert [each.metric_path.is_file() for each in store.fits.of_study(copy.id)] == [False, True]


def test_a_cancelled_bundle_is_not_there(store: Store, study: Study, tmp_path: Path) -> None:
    before = snapshot(store)
    told: list[str] = []
    watch = Watch(
        progress=lambda share, words: told.append(words), cancelled=lambda: len(told) == 3
    )
    with pytest.raises(Cancelled):
        write_bundle(store, study.id, tmp_path / "b.zip", watch)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    whole = packed(store, study, tmp_path)
    told.clear()
    with pytest.raises(Cancelled):
        open_bundle(store, whole, watch)
    assert snapshot(store) == before


def cut(files: Files) -> None:
    files[image_of(files)] = files[image_of(files)][:-1]


def bend(files: Files) -> None:
    name = image_of(files)
    files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])


def lie_about_the_format(files: Files) -> None:
    relisted(files, lambda listing: listing.update(format="holiday-photographs"))


def come_from_the_future(files: Files) -> None:
    relisted(files, lambda listing: listing.update(version=3))


@pytest.mark.parametrize(
    ("change", "relist", "sentence"),
    [
        (bend, False, "was changed"),
        (cut, False, "bytes as its manifest says"),
        (bend, True, "was changed"),  # an image's name is its hash
        (lambda f: f.pop(image_of(f)), False, "is missing"),
        (lambda f: f.pop("study.sqlite"), True, "is missing"),
        (lambda f: f.update({"images/x.png": b"x"}), False, "not in its manifest"),
        (lambda f: f.update({"../../escape.png": b"x"}), True, "only a study's files"),
        (lambda f: f.update({"/etc/escape.png": b"x"}), True, "only a study's files"),
        (lambda f: f.update({"weights/../../x.safetensors": b"x"}), True, "only a study's files"),
        (lambda f: f.pop("manifest.json"), False, "must hold manifest.json"),
        (lambda f: f.update({"manifest.json": b"[]"}), False, "damaged"),
        (lambda f: f.update({"manifest.json": b"\xff"}), False, "damaged"),
        (lie_about_the_format, False, "format must be .clpips-study-bundle., got .holiday"),
        (come_from_the_future, False, "please update the program"),
        (lambda f: f.update({"study.sqlite": b"nonsense" * 99}), True, "damaged"),
        (lambda f: relisted(f, lambda m: m.update(metrics={})), False, "files of its fits"),
        (lambda f: f.pop(image_of(f)), True, "images must be added first"),
    ],
)
def test_a_bundle_that_was_changed_is_refused_and_changes_nothing(
    whole: Path,
    tmp_path: Path,
    change: Callable[[Files], None],
    relist: bool,
    sentence: str,
) -> None:
    changed = repacked(whole, tmp_path / "changed.zip", change, relist=relist)
    store = Store(tmp_path / "data")
    before = snapshot(store)
    with pytest.raises(StudyError, match=sentence):
        open_bundle(store, changed, Watch())
    assert snapshot(store) == before


def test_a_refused_bundle_leaves_a_busy_store_as_it_was(
    store: Store, study: Study, whole: Path, tmp_path: Path
) -> None:
    before = snapshot(store)
    changed = repacked(whole, tmp_path / "changed.zip", lambda f: f.pop(image_of(f)), relist=True)
    with pytest.raises(StudyError, match="images must be added first"):
        open_bundle(store, changed, Watch())
    assert snapshot(store) == before


def test_a_file_that_unpacks_to_far_too_much_is_refused_unread(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest_module, "FREE_BYTES", 100_000)
    bomb = repacked(
        whole,
        tmp_path / "bomb.zip",
        lambda files: files.update({"weights/zeros.safetensors": bytes(60_000_000)}),
        relist=True,
    )
    with pytest.raises(StudyError, match="unpack to far more"):
        open_bundle(Store(tmp_path / "data"), bomb, Watch())


def test_a_picture_with_a_huge_header_is_refused(whole: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide.png"
    Image.new("1", (60_000, 1_000)).save(wide)
    data = wide.read_bytes()
    name = f"images/{hashlib.sha256(data).hexdigest()}.png"
    changed = repacked(
        whole, tmp_path / "changed.zip", lambda files: files.update({name: data}), relist=True
    )
    with pytest.raises(StudyError, match="at most 50,000,000 pixels, got 60000×1000"):
        open_bundle(Store(tmp_path / "data"), changed, Watch())


def test_what_is_no_zip_file_is_refused(store: Store, whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.zip"
    path.write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(StudyError, match="whole zip file"):
        open_bundle(store, path, Watch())
    with pytest.raises(StudyError, match="must be a file"):
        open_bundle(store, tmp_path / "nowhere.zip", Watch())


@pytest.mark.parametrize("space", ["vgg", "timm:/etc", None])
def test_weights_of_another_feature_space_are_refused(
    space: str | None, whole: Path, tmp_path: Path
) -> None:
    """They name what is opened to measure with them: a stranger's could name any folder."""

    def change(files: Files) -> None:
        name = next(each for each in files if each.startswith("weights/"))
        card = json.dumps({"backbone": space}) if space else "[]"
        tensors = {"layer0": np.ones(2)}
        files[name] = safetensors.numpy.save(tensors, metadata={"card": card})

    changed = repacked(whole, tmp_path / "changed.zip", change, relist=True)
    other = Store(tmp_path / "other")
    before = snapshot(other)
    with pytest.raises(StudyError, match="study's feature space"):
        open_bundle(other, changed, Watch(), allow_outside=[space or ""])
    assert snapshot(other) == before


# --- studies that draw from a pool ---------------------------------------------------------------


@cache  # a zip file holds when it was made
def pool_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(5):
            picture = io.BytesIO()
            scene(number, 64).save(picture, "PNG")
            archive.writestr(f"{number}.png", picture.getvalue())
    return buffer.getvalue()


@pytest.fixture
def with_pool(store: Store) -> Study:
    return empty_study(store, maker=add_pool(store, pool_archive()))


def pool_of(files: Files) -> str:
    return next(name for name in files if name.startswith("pools/"))


def pools_in(store: Store) -> list[str]:
    return [path.name for path in (store.settings.data_dir / "pools").glob("**/*")]


def test_a_study_travels_with_its_pool_and_draws_from_it_there(
    store: Store, with_pool: Study, tmp_path: Path
) -> None:
    bundle = packed(store, with_pool, tmp_path)
    shutil.rmtree(store.settings.data_dir)  # the machine it came from is gone
    worker = Worker(Settings(data_dir=tmp_path / "elsewhere"))
    there = open_bundle(worker.store, bundle, Watch())
    somebody = person(worker.store, there)
    trial = worker.store.progress.of_participant(somebody.id).trial
    assert trial is not None
    asked = worker.store.rounds.request(somebody.id, trial.id, "a house", request_id="one")
    assert worker.do_next(["generate"])
    drawn = worker.store.rounds.get(asked.id).candidates
    assert [each.provenance.maker for each in drawn] == ["pool"] * 4
    again = packed(worker.store, there, tmp_path / "elsewhere")
    assert packed_pool(again) == packed_pool(bundle) == pool_archive()


def packed_pool(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(pool_of(dict.fromkeys(archive.namelist(), b"")))


def test_a_pool_that_is_here_already_is_kept_once(
    store: Store, with_pool: Study, tmp_path: Path
) -> None:
    before = pools_in(store)
    open_bundle(store, packed(store, with_pool, tmp_path), Watch())
    assert pools_in(store) == before


def test_a_bundle_with_a_pool_asks_older_programs_to_update(
    store: Store, study: Study, with_pool: Study, tmp_path: Path
) -> None:
    for each, version in ((study, 1), (with_pool, 2)):
        with zipfile.ZipFile(packed(store, each, tmp_path)) as archive:
            assert json.loads(archive.read("manifest.json"))["version"] == version


def test_a_pool_that_was_lost_before_leaves_the_study_readable(
    store: Store, with_pool: Study, tmp_path: Path
) -> None:
    shutil.rmtree(store.settings.data_dir / "pools")
    bundle = packed(store, with_pool, tmp_path)
    elsewhere = Store(tmp_path / "elsewhere")
    add_pool(elsewhere, pool_archive())  # another study's, with the same content
    with pytest.raises(StudyError, match="which is not in the bundle"):
        open_bundle(elsewhere, bundle, Watch())
    there = open_bundle(elsewhere, bundle, Watch(), allow_outside=with_pool.settings.makers)
    assert there.settings.maker == with_pool.settings.maker


def bend_pool(files: Files) -> None:
    name = pool_of(files)
    files[name] = files[name][:-1] + bytes([files[name][-1] ^ 1])


def put_nonsense_for_the_pool(files: Files) -> None:
    del files[pool_of(files)]
    files[f"pools/{hashlib.sha256(b'nonsense').hexdigest()}.zip"] = b"nonsense"


def add_another_pool(files: Files) -> None:
    other = pool_archive() + b" "  # zip files may end with a remark's rest
    files[f"pools/{hashlib.sha256(other).hexdigest()}.zip"] = other


@pytest.mark.parametrize(
    ("change", "relist", "sentence"),
    [
        (bend_pool, False, "was changed"),
        (bend_pool, True, "was changed"),  # a pool's name is its hash
        (lambda f: f.pop(pool_of(f)), False, "is missing"),
        (lambda f: f.pop(pool_of(f)), True, "must hold its study's pool"),
        (put_nonsense_for_the_pool, True, "pool must be valid"),
        (lambda f: f.update({"pools/../x.zip": b"x"}), True, "only a study's files"),
        (add_another_pool, True, "only a study's files"),
    ],
)
def test_a_pool_that_was_changed_or_taken_out_is_refused_and_changes_nothing(
    store: Store,
    with_pool: Study,
    tmp_path: Path,
    change: Callable[[Files], None],
    relist: bool,
    sentence: str,
) -> None:
    changed = tmp_path / "changed.zip"
    repacked(packed(store, with_pool, tmp_path), changed, change, relist=relist)
    other = Store(tmp_path / "elsewhere")
    before = snapshot(other)
    with pytest.raises(StudyError, match=sentence):
        open_bundle(other, changed, Watch())
    assert snapshot(other) == before


def test_a_study_of_arms_travels_with_every_pool(store: Store, tmp_path: Path) -> None:
    first = add_pool(store, pool_archive())
    second = add_pool(store, pool_archive() + b" ")
    arms = (MakerArm("drawn", "scenes"), MakerArm("one", first), MakerArm("two", second))
    bundle = packed(store, empty_study(store, arms=arms), tmp_path)
    elsewhere = Store(tmp_path / "elsewhere")
    there = open_bundle(elsewhere, bundle, Watch())
    assert there.settings.arms == arms
    assert sorted(pools_in(elsewhere)) == sorted(pools_in(store)) and len(pools_in(store)) == 2


@pytest.mark.parametrize(
    "settings",
    [
        {"maker": "pool:../private"},
        {"maker": "http:https://elsewhere.example/v1"},
        {"maker": "diffusers:/srv/models/one"},
        {"backbone": "transformers:/srv/models/two"},
        {"completion_url": "https://stranger.example/"},
        {"arms": (MakerArm("drawn", "scenes"), MakerArm("other", "pool:/srv/pictures"))},
    ],
)
def test_what_a_bundle_names_outside_itself_must_be_allowed(
    store: Store, tmp_path: Path, settings: dict[str, Any]
) -> None:
    bundle = packed(store, empty_study(store, **settings), tmp_path)
    other = Store(tmp_path / "elsewhere")
    before = snapshot(other)
    with pytest.raises(OutsideBundle, match="which is not in the bundle: allow that if") as no:
        open_bundle(other, bundle, Watch())
    named = {*map(str, settings.values()), "pool:/srv/pictures"}
    assert any(repr(name) in str(no.value) for name in named)
    assert snapshot(other) == before
    with pytest.raises(OutsideBundle):
        open_bundle(other, bundle, Watch(), allow_outside=["pool:something else"])
    there = open_bundle(other, bundle, Watch(), allow_outside=no.value.names)
    assert there.settings.makers == store.studies.all()[-1].settings.makers
