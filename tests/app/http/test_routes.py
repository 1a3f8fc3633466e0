"""The web process's own HTTP routes, over a real socket."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from floor import Floor
from serving import Answer, Server, ranking, send
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from app.http import login_limits
from app.http.loopback_only import LoopbackHosts
from app.http.passwords import check_password_is_set, password_fits
from app.http.payloads import NO_WORKER
from app.settings import Settings
from app.store import Store
from app.study.types import Participant, Round
from clpips.errors import StudyError

PASSWORD = "correct horse"


def broken(request: Request) -> Response:
    raise ZeroDivisionError("a secret detail")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server(routes=[Route("/broken", broken)])
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def data(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server opens the same store as the test."""
    monkeypatch.setenv("CLPIPS_DATA", str(floor.store.settings.data_dir))
    for name in ("CLPIPS_ADDRESS", "CLPIPS_RESEARCHER_PASSWORD", "PORT", "CLPIPS_WEIGHTS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def token() -> str:
    return "a-secret-of-enough-characters"


@pytest.fixture
def person(floor: Floor, token: str) -> Participant:
    study = floor.study(min_rounds=1, max_rounds=3)
    person, _ = floor.store.participants.create(study.id, token=token)
    floor.store.participants.consent(person.id)
    return floor.store.participants.start(person.id)


@pytest.fixture
def board(floor: Floor, person: Participant) -> Round:
    return floor.board(person)


# --- submitting -------------------------------------------------------------------------------


def test_a_ranking_is_stored_before_it_is_acknowledged(
    server: Server, floor: Floor, board: Round, token: str
) -> None:
    answer = send(server, token, ranking(board))
    assert answer.status == 200
    assert answer.json["outcome"] == "saved"
    assert answer.json["ranking"]["revision"] == 1
    stored = floor.store.rounds.get(board.id).ranking
    assert stored is not None
    assert list(stored.order) == answer.json["ranking"]["order"]
    assert stored.elapsed_ms == 900


def test_sending_the_same_ranking_again_makes_one(
    server: Server, floor: Floor, board: Round, token: str
) -> None:
    outcomes = [send(server, token, ranking(board)).json["outcome"] for _ in range(3)]
    assert outcomes == ["saved", "duplicate", "duplicate"]
    assert len(floor.store.rankings.history(board.id)) == 1


def test_another_ranking_of_the_same_round_is_told_which_one_stands(
    server: Server, board: Round, token: str
) -> None:
    send(server, token, ranking(board))
    other = ranking(board, uuid="from-another-tab", order=ranking(board)["order"][::-1])
    answer = send(server, token, other)
    assert answer.status == 200
    assert answer.json["outcome"] == "conflict"
    assert answer.json["ranking"]["uuid"] == "submission-one"


def test_an_edit_replaces_what_it_names(server: Server, board: Round, token: str) -> None:
    send(server, token, ranking(board))
    turned = ranking(board)["order"][::-1]
    edit = ranking(board, uuid="the-edit", order=turned, replaces="submission-one")
    answer = send(server, token, edit)
    assert answer.json["outcome"] == "saved"
    assert answer.json["ranking"] == {
        "uuid": "the-edit",
        "order": turned,
        "ranks": [1, 2, 3, 4],
        "revision": 2,
        "confidence": None,
    }


@pytest.mark.parametrize("wrong", ["", "nobody-knows-this-secret", "x" * 5000])
def test_an_unknown_link_is_not_a_refusal_of_the_ranking(
    server: Server, board: Round, wrong: str
) -> None:
    answer = send(server, wrong, ranking(board))
    assert answer.status == 401
    assert "rejected" not in answer.json


def test_a_submission_without_a_link_is_not_refused_for_good(server: Server, board: Round) -> None:
    answer = server.ask("POST", "/api/submit", json.dumps(ranking(board)))
    assert answer.status == 401
    assert "rejected" not in answer.json


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"uuid": "short"}, "uuid"),
        ({"uuid": 12345678}, "uuid"),
        ({"uuid": "<script>alert(1)</script>"}, "uuid"),
        ({"replaces": 3}, "replaces"),
        ({"round": "1"}, "round"),
        ({"round": True}, "round"),
        ({"round": 2**63}, "round"),
        ({"order": None}, "order"),
        ({"order": []}, "order"),
        ({"order": [1.5, 2, 3, 4]}, "order"),
        ({"order": list(range(1, 1000))}, "order"),
        ({"ranks": [1, 2]}, "one rank per image"),
        ({"ranks": [2, 3, 4, 5]}, "start at 1"),
        ({"ranks": [1, 2, 3, 900]}, "gaps after ties"),
        ({"shown": [1, 2]}, "exactly once"),
    ],
)
def test_a_submission_that_breaks_a_rule_is_refused_in_one_sentence(
    server: Server, floor: Floor, board: Round, token: str, changes: dict[str, Any], word: str
) -> None:
    answer = send(server, token, ranking(board, **changes))
    assert answer.status == 422
    assert answer.json["rejected"] is True
    assert word in answer.json["error"]
    assert "\n" not in answer.json["error"]
    assert floor.store.rounds.get(board.id).ranking is None


@pytest.mark.parametrize("body", [[], "text", 7, None])
def test_a_submission_that_is_no_object_is_refused(
    server: Server, board: Round, token: str, body: object
) -> None:
    answer = send(server, token, json.dumps(body))
    assert (answer.status, answer.json["rejected"]) == (422, True)


def test_a_repeated_image_is_refused(server: Server, board: Round, token: str) -> None:
    shown = ranking(board)["order"]
    answer = send(server, token, ranking(board, order=[shown[0], shown[0], *shown[2:]]))
    assert (answer.status, answer.json["rejected"]) == (422, True)


def test_nobody_ranks_another_persons_round(
    server: Server, floor: Floor, board: Round, token: str
) -> None:
    other = "the-secret-of-somebody-else"
    floor.store.participants.create(floor.store.studies.all()[0].id, token=other)
    answer = send(server, other, ranking(board))
    assert (answer.status, answer.json["rejected"]) == (422, True)
    assert floor.store.rounds.get(board.id).ranking is None


def test_a_refused_submission_is_kept_as_an_attempt(
    server: Server, floor: Floor, board: Round, token: str
) -> None:
    shown = ranking(board)["shown"]
    send(server, token, ranking(board, shown=shown[::-1]))
    assert [each.outcome for each in floor.store.rankings.attempts(board.id)] == ["refused"]


@pytest.mark.parametrize("body", ["", "{", b"\xff\xfe", "[" * 20_000])
def test_a_damaged_body_may_be_sent_again(
    server: Server, board: Round, token: str, body: str | bytes
) -> None:
    answer = send(server, token, body)
    assert answer.status == 400
    assert "rejected" not in answer.json


def test_a_huge_body_is_refused_unread(server: Server, board: Round, token: str) -> None:
    answer = send(server, token, ranking(board, input={"x": "y" * 40_000}))
    assert answer.status == 413
    assert answer.json["rejected"] is True


@pytest.mark.parametrize("note", [None, -5, "soon", 1.5, 2**70])
def test_a_ranking_is_never_refused_for_the_sake_of_its_notes(
    server: Server, floor: Floor, board: Round, token: str, note: object
) -> None:
    body = ranking(board, elapsed_ms=note, input={"clicks": note, "<b>": 1, "drags": 2})
    assert send(server, token, body).json["outcome"] == "saved"
    notes = floor.store.rankings.attempts(board.id)[0].payload["input"]
    assert notes == {"clicks": 0, "drags": 2}


def test_a_page_left_open_for_days_counts_as_one_day(
    server: Server, floor: Floor, board: Round, token: str
) -> None:
    send(server, token, ranking(board, elapsed_ms=40 * 86_400_000))
    stored = floor.store.rounds.get(board.id).ranking
    assert stored is not None and stored.elapsed_ms == 86_400_000


@pytest.mark.parametrize(
    "origin",
    [
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
def test_another_sites_page_cannot_post(
    server: Server, floor: Floor, board: Round, token: str, origin: dict[str, str]
) -> None:
    answer = send(server, token, ranking(board), **origin)
    assert answer.status == 403
    assert "rejected" not in answer.json
    assert server.form("/auth/setup", {"password": PASSWORD}, **origin).status == 303
    assert floor.store.researchers.password_hash() is None


def test_our_own_page_may_post(server: Server, board: Round, token: str) -> None:
    origin = f"http://127.0.0.1:{server.port}"
    assert send(server, token, ranking(board), origin=origin).status == 200


# --- rounds -----------------------------------------------------------------------------------


def test_a_round_is_told_from_the_first_stroke_to_the_ranking(
    server: Server, floor: Floor, person: Participant, token: str
) -> None:
    bearer = {"authorization": f"Bearer {token}"}
    floor.store.workers.mark_alive("a worker")
    asked = floor.ask(person)
    making = server.get(f"/api/round/{asked.id}", **bearer).json
    assert (making["state"], making["candidates"], making["ranking"]) == ("generating", [], None)
    assert making["message"] == ""
    board = floor.make(asked)
    shown = server.get(f"/api/round/{asked.id}", **bearer).json
    assert shown["state"] == "ranking"
    assert [each["alt"] for each in shown["candidates"]] == [f"Image {i}" for i in range(1, 5)]
    assert shown["candidates"][0]["src"] == f"/img/{board.candidates[0].image}.png"
    send(server, token, ranking(board))
    ranked = server.get(f"/api/round/{asked.id}", **bearer).json
    assert (ranked["state"], ranked["ranking"]["uuid"]) == ("ranked", "submission-one")


def test_a_round_waits_calmly_when_no_worker_is_alive(
    server: Server, floor: Floor, person: Participant, token: str
) -> None:
    asked = floor.ask(person)
    answer = server.get(f"/api/round/{asked.id}", authorization=f"Bearer {token}")
    assert answer.json["message"] == NO_WORKER
    assert answer.headers["cache-control"] == "no-store"


def test_cancelling_a_round_answers_like_looking_at_it(
    server: Server, floor: Floor, person: Participant, token: str
) -> None:
    asked = floor.ask(person)
    path, bearer = f"/api/round/{asked.id}/cancel", {"authorization": f"Bearer {token}"}
    foreign = server.ask("POST", path, origin="https://elsewhere.example", **bearer)
    assert foreign.status == 403
    assert floor.store.rounds.get(asked.id).state == "generating"
    assert server.ask("POST", path, **bearer).json["state"] == "cancelled"
    assert server.get(f"/api/round/{asked.id}", **bearer).json["state"] == "cancelled"


@pytest.mark.parametrize("round_id", ["999", "0", str(2**63), str(10**30)])
def test_a_round_that_is_not_there_is_not_found(
    server: Server, person: Participant, token: str, round_id: str
) -> None:
    answer = server.get(f"/api/round/{round_id}", authorization=f"Bearer {token}")
    assert answer.status == 404


def test_another_persons_round_looks_as_if_it_were_not_there(
    server: Server, floor: Floor, board: Round
) -> None:
    other = "the-secret-of-somebody-else"
    floor.store.participants.create(floor.store.studies.all()[0].id, token=other)
    mine = server.get(f"/api/round/{board.id}", authorization=f"Bearer {other}")
    none = server.get("/api/round/999", authorization=f"Bearer {other}")
    assert (mine.status, mine.body) == (none.status, none.body) == (404, none.body)
    assert server.get(f"/api/round/{board.id}").status == 401


# --- images -----------------------------------------------------------------------------------


def test_an_image_is_kept_by_the_browser_for_ever(server: Server, floor: Floor) -> None:
    sha = floor.image(1)
    answer = server.get(f"/img/{sha}.png")
    assert answer.status == 200
    assert hashlib.sha256(answer.body).hexdigest() == sha
    assert answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["etag"] == f'"{sha}"'
    again = server.get(f"/img/{sha}.png", if_none_match=f'"{sha}"')
    assert (again.status, again.body) == (304, b"")


def test_a_jpeg_is_served_as_what_it_is(server: Server, floor: Floor) -> None:
    sha = floor.store.images.add(b"a photograph", width=8, height=8, media_type="image/jpeg")
    answer = server.get(f"/img/{sha}.png")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    [
        "../clpips.sqlite",
        "..%2Fclpips.sqlite",
        "%2e%2e%2fclpips.sqlite",
        "clpips.sqlite",
        f"{'0' * 64}.png",
        f"{'A' * 64}.png",
        f"{'0' * 64}",
        f"{'0' * 63}%0a.png",
        "%00.png",
    ],
)
def test_nothing_but_a_known_hash_is_an_image(server: Server, name: str) -> None:
    answer = server.get(f"/img/{name}")
    assert answer.status == 404
    assert b"SQLite" not in answer.body


# --- the researcher's door --------------------------------------------------------------------


def cookie_of(answer: Answer) -> str:
    return answer.headers["set-cookie"].split(";")[0]


def test_the_first_password_opens_the_researchers_pages(server: Server, floor: Floor) -> None:
    answer = server.form("/auth/setup", {"password": PASSWORD, "again": PASSWORD})
    assert (answer.status, answer.headers["location"]) == (303, "/researcher")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("clpips_researcher=")
    assert "HttpOnly" in cookie
    assert "samesite=strict" in cookie.lower()
    assert "Secure" not in cookie
    token = cookie_of(answer).partition("=")[2]
    assert floor.store.researchers.has_session(token)
    assert password_fits(floor.store.researchers.password_hash(), PASSWORD)
    assert PASSWORD not in (floor.store.researchers.password_hash() or "")


@pytest.mark.parametrize(
    ("fields", "headers", "problem"),
    [
        ({"password": "1234567"}, {}, "short"),
        ({}, {}, "short"),
        ({"password": "x" * 1001}, {}, "long"),
        ({"password": " " * 12}, {}, "blank"),
        ({"password": PASSWORD, "again": "another one"}, {}, "differ"),
        ({"password": PASSWORD}, {"host": "study.example"}, "remote"),
        ({"password": PASSWORD}, {"x_forwarded_for": "203.0.113.9"}, "remote"),
    ],
)
def test_a_first_password_that_may_not_be_is_not_set(
    server: Server,
    floor: Floor,
    fields: dict[str, str],
    headers: dict[str, str],
    problem: str,
) -> None:
    answer = server.form("/auth/setup", fields, **headers)
    assert (answer.status, answer.headers["location"]) == (303, f"/researcher?problem={problem}")
    assert floor.store.researchers.password_hash() is None


def test_no_first_password_is_set_from_another_machine(
    server: Server, floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLPIPS_ADDRESS", "0.0.0.0")
    answer = server.form("/auth/setup", {"password": PASSWORD})
    assert answer.headers["location"] == "/researcher?problem=remote"
    assert floor.store.researchers.password_hash() is None


def test_a_password_can_be_set_only_once(server: Server, floor: Floor) -> None:
    server.form("/auth/setup", {"password": PASSWORD})
    answer = server.form("/auth/setup", {"password": "mine, all mine"})
    assert answer.headers["location"] == "/researcher?problem=already"
    assert "set-cookie" not in answer.headers
    assert password_fits(floor.store.researchers.password_hash(), PASSWORD)


def test_the_right_password_lets_in_and_signing_out_ends_it(server: Server, floor: Floor) -> None:
    server.form("/auth/setup", {"password": PASSWORD})
    answer = server.form("/auth/login", {"password": PASSWORD, "next": "/study?study=3"})
    assert (answer.status, answer.headers["location"]) == (303, "/study?study=3")
    cookie = cookie_of(answer)
    assert floor.store.researchers.has_session(cookie.partition("=")[2])
    assert server.form("/auth/logout", {}, cookie=cookie).status == 303
    assert not floor.store.researchers.has_session(cookie.partition("=")[2])


def test_the_cookie_is_secure_behind_tls(server: Server) -> None:
    server.form("/auth/setup", {"password": PASSWORD})
    answer = server.form("/auth/login", {"password": PASSWORD}, x_forwarded_proto="https")
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    "wanted", ["https://elsewhere.example", "//elsewhere.example", "/study?study=x", "/?p=1", ""]
)
def test_signing_in_never_leads_to_another_place(server: Server, wanted: str) -> None:
    server.form("/auth/setup", {"password": PASSWORD})
    answer = server.form("/auth/login", {"password": PASSWORD, "next": wanted})
    assert answer.headers["location"] == "/researcher"


def test_a_wrong_password_is_said_and_counted(server: Server, floor: Floor) -> None:
    server.form("/auth/setup", {"password": PASSWORD})
    answer = server.form("/auth/login", {"password": "a guess"})
    assert (answer.status, answer.headers["location"]) == (303, "/researcher?problem=wrong")
    assert "set-cookie" not in answer.headers
    assert floor.store.researchers.login_failures("127.0.0.1", 60.0)[0] == 1


def test_a_form_that_is_too_long_is_no_wrong_password(server: Server, floor: Floor) -> None:
    server.form("/auth/setup", {"password": PASSWORD})
    answer = server.form("/auth/login", {"password": "x" * 9_000})
    assert answer.status == 413
    assert floor.store.researchers.login_failures("127.0.0.1", 60.0)[0] == 0


@pytest.mark.parametrize("path", ["/auth/setup", "/auth/login", "/auth/logout"])
def test_a_form_of_too_many_fields_is_a_bad_form(server: Server, path: str) -> None:
    answer = server.form(path, {f"field{number}": "x" for number in range(30)})
    assert (answer.status, answer.body) == (400, b"The form could not be read.")


@pytest.mark.parametrize("headers", [{"origin": "http://["}, {"host": "["}, {"origin": "null"}])
def test_a_malformed_name_in_a_request_is_nobodys(server: Server, headers: dict[str, str]) -> None:
    assert server.form("/auth/setup", {"password": PASSWORD}, **headers).status in (303, 400)


def test_an_empty_password_is_neither_hashed_nor_counted(
    server: Server, floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.form("/auth/setup", {"password": PASSWORD})
    checked: list[str] = []
    monkeypatch.setattr(
        login_limits, "password_fits", lambda hashed, password: checked.append(password)
    )
    answer = server.form("/auth/login", {"password": ""})
    assert answer.headers["location"] == "/researcher?problem=wrong"
    assert not checked and floor.store.researchers.login_failures("127.0.0.1", 60.0)[0] == 0


def test_without_a_password_nobody_gets_in(server: Server) -> None:
    answer = server.form("/auth/login", {"password": ""})
    assert answer.headers["location"] == "/researcher?problem=wrong"


def test_a_server_that_others_can_reach_needs_a_password_at_its_start(tmp_path: Path) -> None:
    where = Settings(data_dir=tmp_path / "open", address="0.0.0.0")
    with pytest.raises(StudyError, match="CLPIPS_RESEARCHER_PASSWORD"):
        check_password_is_set(Store(where))
    with pytest.raises(StudyError, match="8 to"):
        check_password_is_set(Store(Settings(data_dir=where.data_dir, researcher_password="short")))
    known = Store(
        Settings(data_dir=where.data_dir, address="0.0.0.0", researcher_password=PASSWORD)
    )
    check_password_is_set(known)
    check_password_is_set(Store(where))
    assert password_fits(known.researchers.password_hash(), PASSWORD)


# --- downloads, health, headers ---------------------------------------------------------------


def test_a_download_needs_the_researchers_cookie(server: Server, floor: Floor) -> None:
    study = floor.study()
    content = b"participant,target,image,rank\n"
    file = floor.store.settings.exports / "rankings.csv"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    sha = hashlib.sha256(content).hexdigest()
    export = floor.store.exports.add(study.id, "Ada's.csv", file, "text/csv", len(content), sha)
    path = f"/download/{export.id}/Ada%27s.csv"
    assert server.get(path).status == 401
    ended = server.get(path, cookie="clpips_researcher=made-up")
    assert (ended.status, ended.headers["content-type"]) == (401, "text/plain; charset=utf-8")
    assert b"<" not in ended.body and b"sign in" in ended.body
    cookie = cookie_of(server.form("/auth/setup", {"password": PASSWORD}))
    answer = server.get(path, cookie=cookie)
    assert (answer.status, answer.body) == (200, content)
    assert answer.headers["etag"] == f'"{sha}"'
    assert answer.headers["content-disposition"].startswith("attachment")
    for wrong in (
        f"/download/{export.id}/other.csv",
        f"/download/{export.id}/..%2Fclpips.sqlite",
        "/download/99/Ada%27s.csv",
        f"/download/{2**70}/Ada%27s.csv",
    ):
        assert server.get(wrong, cookie=cookie).status == 404
    file.unlink()
    assert server.get(path, cookie=cookie).status == 404


def test_health_says_that_the_database_can_be_read(server: Server, floor: Floor) -> None:
    floor.store.workers.mark_alive("a worker")
    answer = server.get("/health")
    assert answer.status == 200
    assert (answer.json["status"], answer.json["workers"]) == ("ok", 1)


@pytest.mark.parametrize("path", ["/health", "/img/none.png", "/nowhere", "/broken"])
def test_every_answer_keeps_the_link_secret_and_stays_out_of_frames(
    server: Server, path: str
) -> None:
    headers = server.get(path).headers
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "frame-ancestors 'self'"
    assert server.get("/researcher").headers["referrer-policy"] == "same-origin"


def test_an_error_of_ours_is_one_sentence_without_its_details(server: Server) -> None:
    answer = server.get("/broken")
    assert (answer.status, answer.body) == (500, b"Something went wrong on the server.")


# --- which name the server answers to ---------------------------------------------------------


@pytest.fixture(scope="module")
def guarded() -> Iterator[Server]:
    running = Server(Middleware(LoopbackHosts))
    yield running
    running.stop()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8501", 200),
        ("localhost", 200),
        ("LOCALHOST:99", 200),
        ("[::1]:8501", 200),
        ("rebound.example", 421),
        ("127.0.0.1.rebound.example:8501", 421),
        ("user@127.0.0.1", 421),
        ("127.0.0.1/rebound.example", 421),
        ("www.localhost", 421),
        ("[", 421),
        ("", 421),
    ],
)
def test_a_server_for_this_machine_answers_to_its_own_names_only(
    guarded: Server, host: str, status: int
) -> None:
    answer = guarded.get("/health", host=host)
    assert answer.status == status
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_server_for_others_answers_to_every_name(
    guarded: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLPIPS_ADDRESS", "0.0.0.0")
    assert guarded.get("/health", host="study.example").status == 200


def test_a_websocket_for_another_name_is_closed_unopened() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("it was let in")

    scope = {"type": "websocket", "headers": [(b"host", b"rebound.example")]}
    asyncio.run(LoopbackHosts(never)(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


@pytest.mark.parametrize(
    ("said", "kept"),
    [(0.25, 0.25), (1, 1.0), (None, None), (2, None), ("very", None), (True, None)],
)
def test_how_sure_somebody_is_never_costs_a_ranking(
    server: Server, board: Round, token: str, floor: Floor, said: object, kept: float | None
) -> None:
    answer = send(server, token, ranking(board, confidence=said))
    assert answer.json["outcome"] == "saved"
    assert answer.json["ranking"]["confidence"] == kept
    stored = floor.store.rounds.get(board.id).ranking
    assert stored is not None and stored.confidence == kept
