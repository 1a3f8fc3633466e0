"""The Identity page: what it asks for, refuses, shows and deletes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from identity_uploads import packed, tables
from serving import Server
from signed_in import SECRET, signed_in_store
from staged import ranked_study
from streamlit.testing.v1 import AppTest

from app.files.identity_runs import runs
from app.settings import RESEARCHER_COOKIE
from app.store import Store
from app.study.identity_run import RESULTS
from app.worker import Worker

OWN = {
    **tables(queries=("a,dog,<b>ours</b>", "b,dog,<b>ours</b>", "a,dog,theirs")),
    **tables(gallery=("a,dog", "b,dog", "c,dog"), references=("a,dog", "b,dog")),
}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return signed_in_store(tmp_path, monkeypatch)


def identity_page() -> None:
    from app.views.researcher.identity.page import page

    page()


def opened() -> AppTest:
    return AppTest.from_function(identity_page, default_timeout=120).run()


def asked(screen: AppTest, files: Mapping[str, bytes | str] | bytes, **more: str) -> AppTest:
    """The page after uploads and *Rank*."""
    screen.radio[0].set_value("upload").run()
    screen.selectbox[0].set_value("alex")
    field: Any = screen.get("file_uploader")[0]
    data = files if isinstance(files, bytes) else packed(files)
    field.set_value([("mine.zip", data, "application/zip")])
    return press(screen, "rank")


def press(screen: AppTest, key: str) -> AppTest:
    screen.button(key=key).click().run()
    assert not screen.exception, screen.exception[0].message
    return screen


def html_of(screen: AppTest) -> str:
    return "\n".join(each.proto.body for each in screen.get("html"))


def test_at_first_the_page_says_what_to_do_next(store: Store) -> None:
    screen = opened()
    assert "press **Rank**" in screen.info[0].value
    assert "worker" in (html_of(screen) + screen.warning[0].value).lower()
    press(screen, "rank")
    ((job, run),) = runs(store)
    assert (job.state, run.queries, run.gallery) == ("queued", "sample", "sample")
    assert run.encoder == "efficientnet-lite0"
    assert screen.query_params["run"] == str(job.id)
    assert screen.button(key="rank").disabled


def test_an_upload_is_ranked_shown_downloaded_and_deleted(store: Store) -> None:
    screen = asked(opened(), OWN)
    Worker(store.settings).do_next(["identity"])
    screen.run()
    text = html_of(screen)
    assert "3 queries in a gallery of 3 images, compared by alex." in text
    assert "&lt;b&gt;ours&lt;/b&gt;" in text and "<b>ours" not in text
    assert "theirs" in text and "data:image/jpeg;base64," in text
    assert text.count("class='cl-hit'") == 3
    ((job, run),) = runs(store)
    addresses = [f"/download/identity/{job.id}/{name}" for name in RESULTS]
    assert all(f'href="{each}"' in text for each in addresses)
    cookie = {"cookie": f"{RESEARCHER_COOKIE}={SECRET}"}
    server = Server()
    try:
        assert server.get(addresses[0]).status == 401
        got = [server.get(each, **cookie) for each in addresses]
        assert server.get(f"/download/identity/{job.id}/queries.zip", **cookie).status == 404
        assert server.get(f"/download/identity/{job.id + 1}/report.json", **cookie).status == 404
    finally:
        server.stop()
    folder = store.settings.identity / run.key
    assert [each.body for each in got] == [(folder / name).read_bytes() for name in RESULTS]
    press(screen, f"delete-{job.id}")
    assert "press **Rank**" in screen.info[0].value
    assert not folder.exists() and not runs(store)


def test_past_rankings_are_listed_and_opened_by_their_address(store: Store) -> None:
    for _ in range(2):
        asked(opened(), OWN)
        Worker(store.settings).do_next(["identity"])
    (second, _), (first, _) = runs(store)
    screen = AppTest.from_function(identity_page, default_timeout=120)
    screen.query_params["run"] = str(first.id)
    screen.run()
    text = html_of(screen)
    assert f'href="/identity?run={second.id}"' in text
    assert f"/download/identity/{first.id}/report.json" in text
    assert f"/download/identity/{second.id}/report.json" not in text


@pytest.mark.parametrize(
    ("upload", "says"),
    [
        (b"no zip", "mine.zip: an upload must be a .zip, got another kind of file"),
        (packed({"a.txt": ""}), "the .zip must hold queries.csv, got none"),
        (
            packed({**OWN, "gallery.csv": "name,species,file_path\na,dog,x.png\n"}),
            "gallery.csv: every image must be in the .zip, got 'x.png', which is not",
        ),
    ],
)
def test_bad_input_is_one_sentence_on_the_screen(store: Store, upload: bytes, says: str) -> None:
    screen = asked(opened(), upload)
    assert [each.value for each in screen.error] == [says]
    assert not runs(store) and not list(store.settings.data_dir.glob("identity/*"))


def test_a_gallery_must_be_there_and_a_study_chosen(store: Store) -> None:
    screen = opened()
    screen.radio[0].set_value("upload").run()
    press(screen, "rank")
    assert (
        "the generated images must be uploaded as a .zip with queries.csv" in screen.error[0].value
    )
    screen.radio[0].set_value("study").run()
    assert "No study has a ranked image yet." in [each.value for each in screen.info]
    press(screen, "rank")
    assert len(screen.error) == 1 and not runs(store)


def test_a_study_is_asked_for_with_its_gallery(store: Store) -> None:
    study = ranked_study(store, people=1, targets=1)
    screen = opened()
    screen.radio[0].set_value("study").run()
    field: Any = screen.get("file_uploader")[0]
    gallery = packed(tables(gallery=("target 0,thing", "other,thing")))
    field.set_value([("real.zip", gallery, "application/zip")])
    press(screen, "rank")
    ((job, run),) = runs(store)
    assert (run.queries, run.study_id, job.study_id) == ("study", study.id, study.id)


def test_a_ranking_that_failed_says_why_and_can_be_deleted(store: Store) -> None:
    screen = press(opened(), "rank")
    ((job, _),) = runs(store)
    store.jobs.claim("test", ["identity"])
    store.jobs.fail(job.id, "test", "the network's weights are not available")
    screen.run()
    assert "The ranking failed: the network's weights are not available" in screen.error[0].value
    press(screen, f"delete-{job.id}")
    assert not runs(store)
