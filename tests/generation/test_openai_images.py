from __future__ import annotations

import io
import itertools
import json
import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from misbehaving import Reply, Server, after, image, picture, serving
from PIL import Image

from clpips.errors import Cancelled, GenerationError
from clpips.generation import Generated, Maker, Request, Watch, open_maker
from clpips.generation.openai_images import Service
from clpips.generation.openai_images.client import Waits, retry_after

KEY = "sk-Very-Secret-0123456789abcdef"
QUICK = Waits(first=0.01, jitter=0.0, longest=0.3)
QUIET = Watch()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as started:
        yield started


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLPIPS_IMAGES_KEY", raising=False)
    monkeypatch.delenv("CLPIPS_IMAGES_URL", raising=False)


def ask(
    server: Server, *, watch: Watch = QUIET, waits: Waits = QUICK, **request: Any
) -> list[Generated]:
    request = {"prompt": "a red ball", "seed": 7, "count": 1, "width": 64, "height": 64} | request
    return list(Service(server.url, _waits=waits).generate(Request(**request), watch))


def refused(server: Server, **request: Any) -> str:
    with pytest.raises(GenerationError) as caught:
        ask(server, **request)
    sentence = str(caught.value)
    assert "\n" not in sentence and len(sentence) < 450
    return sentence


# --- what is asked and what is recorded -------------------------------------------------------


def test_a_service_is_a_maker_that_can_start_from_an_image(server: Server) -> None:
    maker = open_maker(f"http:{server.url}")
    assert isinstance(maker, Maker)
    assert maker.can_start_from_image


def test_each_image_is_one_call_with_the_words_the_size_and_the_model(server: Server) -> None:
    ask(server, count=2, width=128, options={"model": "draw-1"})
    assert [asked.path for asked in server.asked] == ["/v1/images/generations"] * 2
    assert server.asked[0].json == {
        "model": "draw-1",
        "prompt": "a red ball",
        "n": 1,
        "size": "128x64",
        "response_format": "b64_json",
    }
    assert "authorization" not in server.asked[0].headers


def test_seeds_differ_between_images_and_are_those_recorded(server: Server) -> None:
    made = ask(server, count=3, options={"send_seed": True})
    sent = [asked.json["seed"] for asked in server.asked]
    assert sent == [each.provenance.seed for each in made]
    assert len(set(sent)) == 3
    assert all(0 <= seed < 2**31 for seed in sent)
    assert sent == [each.provenance.seed for each in ask(server, count=3)]


def test_further_fields_are_sent_and_null_leaves_a_field_out(server: Server) -> None:
    fields = {"response_format": None, "size": "auto", "quality": "high"}
    ask(server, options={"fields": fields})
    assert server.asked[0].json == {
        "prompt": "a red ball",
        "n": 1,
        "size": "auto",
        "quality": "high",
    }


NO_SUCH = {"error": {"message": "Unknown parameter: 'response_format'.", "code": "unknown"}}
NO_SIZE = {"detail": [{"loc": ["body", "size"], "msg": "Extra inputs are not permitted"}]}


def test_refused_optional_fields_are_left_out_once_and_remembered(server: Server) -> None:
    server.tell(Reply(NO_SUCH, status=400), Reply(NO_SIZE, status=422), image())
    made = ask(server, count=2, options={"model": "strict-1"})
    sent = [set(asked.json) & {"size", "response_format"} for asked in server.asked]
    assert sent == [{"size", "response_format"}, {"size"}, set(), set()]
    records = [each.provenance.options["service"] for each in made]
    assert [one["fields_left_out"] for one in records] == [["response_format", "size"]] * 2
    assert [one["attempts"] for one in records] == [3, 1]
    ask(server, options={"model": "strict-1"})
    assert not {"size", "response_format"} & set(server.asked[-1].json)
    ask(server, options={"model": "another"})
    assert {"size", "response_format"} <= set(server.asked[-1].json)


def test_a_field_that_is_refused_again_and_again_is_not_asked_for_ever(server: Server) -> None:
    server.tell(Reply(NO_SUCH, status=400))
    assert "Unknown parameter" in refused(server)
    assert len(server.asked) == 2


def test_fields_that_the_study_sets_are_never_left_out(server: Server) -> None:
    server.tell(Reply(NO_SIZE, status=422), image())
    assert "422" in refused(server, options={"fields": {"size": "auto"}})
    assert len(server.asked) == 1


def test_a_refused_field_is_left_out_of_edits_too(server: Server) -> None:
    server.tell(Reply(NO_SUCH, status=400), image())
    ask(server, start=Image.new("RGB", (70, 70)), options={"model": "strict-edits"})
    assert [b"response_format" in asked.body for asked in server.asked] == [True, False]


def test_a_start_image_is_sent_as_a_form_to_edits(server: Server) -> None:
    start = Image.new("RGB", (80, 70), "red")
    (made,) = ask(
        server, start=start, options={"send_strength": True, "fields": {"steps": 4, "mask": None}}
    )
    (asked,) = server.asked
    assert asked.path == "/v1/images/edits"
    assert asked.headers["content-type"].startswith("multipart/form-data; boundary=")
    for name, value in {"prompt": "a red ball", "strength": "0.6", "steps": "4"}.items():
        assert f'name="{name}"\r\n\r\n{value}\r\n'.encode() in asked.body
    assert b'name="image"; filename="start.png"' in asked.body
    png = asked.body[asked.body.index(b"\x89PNG") :]
    assert Image.open(io.BytesIO(png)).size == (80, 70)
    assert made.provenance.options["service"]["strength"] == 0.6
    assert len(made.provenance.options["service"]["start_sha256"]) == 64


def test_provenance_records_cost_usage_attempts_and_what_the_service_says(server: Server) -> None:
    answer = image(model="draw-1-mini", usage={"total_tokens": 9})
    answer.body["data"][0]["revised_prompt"] = "a shining red ball"
    server.tell(Reply(status=500), answer)
    options = {"model": "draw-1", "cost_per_image": 0.04, "currency": "EUR"}
    (made,) = ask(server, options=options)
    provenance = made.provenance
    assert (provenance.maker, provenance.prompt) == ("http", "a red ball")
    assert provenance.options == {
        **options,
        "service": {
            "base_url": server.url,
            "attempts": 2,
            "seed_sent": False,
            "model": "draw-1-mini",
            "revised_prompt": "a shining red ball",
            "usage": {"total_tokens": 9},
            "cost": 0.04,
            "currency": "EUR",
        },
    }
    assert json.loads(json.dumps(provenance.options)) == provenance.options
    assert provenance.seconds > 0


@pytest.mark.parametrize(
    "usage", [[1], "many", {"a": float("nan")}, {"a": "b" * 3000}, {"a": [[]] * 60}]
)
def test_usage_that_cannot_be_kept_is_left_out(server: Server, usage: object) -> None:
    server.tell(image(usage=usage))
    assert "usage" not in ask(server)[0].provenance.options["service"]


def test_half_a_surrogate_pair_can_be_stored(server: Server) -> None:
    server.tell(image(model="draw \ud800"))
    assert ask(server)[0].provenance.options["service"]["model"] == "draw ?"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_image_of_another_size_is_recorded_at_its_true_size(server: Server, kind: str) -> None:
    server.tell(image(picture(96, 80, kind)))
    (made,) = ask(server)
    assert made.image.mode == "RGB"
    assert made.image.size == (made.provenance.width, made.provenance.height) == (96, 80)


# --- failures that pass and failures that stay ------------------------------------------------


def test_two_server_errors_are_tried_again(server: Server) -> None:
    server.tell(Reply(status=500), Reply(status=503), image())
    (made,) = ask(server)
    assert made.provenance.options["service"]["attempts"] == len(server.asked) == 3


def test_a_server_error_for_ever_ends_after_the_attempts_that_were_set(server: Server) -> None:
    server.tell(Reply({"error": {"message": "boiler\nout"}}, status=500))
    sentence = refused(server, options={"attempts": 3})
    assert len(server.asked) == 3
    host = server.url.removeprefix("http://").removesuffix("/v1")
    assert sentence == (
        f"{host}: the service must answer with success, got status 500: boiler out, "
        "after 3 attempts"
    )


@pytest.mark.parametrize("status", [408, 409, 429])
def test_a_passing_refusal_is_tried_again(server: Server, status: int) -> None:
    server.tell(Reply(status=status), image())
    assert len(ask(server)) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_another_refusal_is_final(server: Server, status: int) -> None:
    server.tell(Reply({"error": {"message": "no such model"}}, status=status), image())
    assert refused(server).endswith(f"got status {status}: no such model")
    assert len(server.asked) == 1


def test_retry_after_is_waited_for_instead_of_the_usual_pause(server: Server) -> None:
    server.tell(Reply(status=429, headers={"Retry-After": "0.2"}), image())
    ask(server, waits=Waits(first=0.0, jitter=0.0, longest=5.0))
    assert server.asked[1].at - server.asked[0].at >= 0.2


def test_retry_after_is_capped(server: Server) -> None:
    server.tell(Reply(status=429, headers={"Retry-After": "3600"}), image())
    began = time.monotonic()
    ask(server)
    assert 0.3 <= time.monotonic() - began < 60


def test_retry_after_is_seconds_or_a_date() -> None:
    later = datetime.now(UTC) + timedelta(seconds=3000)
    assert retry_after({"retry-after": "7"}) == 7
    until = retry_after({"retry-after": format_datetime(later, usegmt=True)})
    assert until is not None and 2000 < until <= 3000
    past = format_datetime(later - timedelta(hours=1), usegmt=True)
    assert retry_after({"retry-after": past}) == 0
    for nothing in ("", "soon", "nan", "inf", "Mon, 99 Foo 2026 00:00:00 GMT"):
        assert retry_after({"retry-after": nothing}) is None


def test_pauses_between_attempts_grow(server: Server) -> None:
    server.tell(Reply(status=500))
    refused(server, options={"attempts": 4}, waits=Waits(first=0.1, jitter=0.0, longest=9))
    gaps = [b.at - a.at for a, b in itertools.pairwise(server.asked)]
    assert gaps[0] >= 0.1 and gaps[1] >= 0.2 and gaps[2] >= 0.4


def test_a_slow_service_is_given_up_after_the_timeout(server: Server) -> None:
    server.tell(Reply(delay=60))
    sentence = refused(server, options={"timeout": 0.1, "attempts": 2})
    assert "must answer within 0.1 s, got no answer, after 2 attempts" in sentence


def test_an_answer_that_drips_for_ever_is_given_up(server: Server) -> None:
    server.tell(Reply(b" " * 1000, drip=0.05))
    assert "got no answer" in refused(server, options={"timeout": 0.1, "attempts": 1})


@pytest.mark.parametrize("reply", [Reply(b"{", promised=99), Reply(close=True)])
def test_a_broken_connection_is_tried_again_and_then_told(server: Server, reply: Reply) -> None:
    server.tell(reply, image())
    assert len(ask(server)) == 1
    server.tell(reply)
    assert "must be reachable and answer, got: " in refused(server, options={"attempts": 2})


def test_a_service_that_does_not_run_is_named(server: Server) -> None:
    with serving() as other:
        pass
    sentence = refused(other, options={"attempts": 1})
    assert sentence.startswith("127.0.0.1:") and "after 1 attempt" in sentence


def test_a_redirect_is_not_followed(server: Server) -> None:
    server.tell(Reply(status=302, headers={"Location": "http://169.254.169.254/"}))
    assert refused(server).endswith("must answer itself, got a redirect (302)")


@pytest.mark.parametrize("code", ["content_policy_violation", "moderation_blocked"])
def test_refused_words_ask_for_other_words(server: Server, code: str) -> None:
    server.tell(Reply({"error": {"code": code, "message": "Your request…"}}, status=400))
    assert refused(server).endswith("change the words and try again")
    assert len(server.asked) == 1


def bomb() -> bytes:
    """64 million pixels in a few thousand bytes."""
    buffer = io.BytesIO()
    Image.new("1", (8000, 8000)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply({"data": []}, kind="text/html"), "must be JSON, got text/html"),
        (Reply(b"<html>"), "must be JSON, got '<html>'"),
        (Reply(b"[" * 100_000), "must be JSON"),
        (Reply({"created": 1}), "must hold a list 'data'"),
        (Reply([1]), "must hold a list 'data'"),
        (Reply({"data": []}), "must hold one image, got 0"),
        (Reply({"data": [{}, {}]}), "must hold one image, got 2"),
        (Reply({"data": [{}]}), "must come as b64_json or url, got neither"),
        (Reply({"data": [{"b64_json": "no base64!"}]}), "must hold base64, got 'no base64!'"),
        (image(b"hello"), "must be PNG, JPEG, WEBP, got a file that is not one"),
        (image(picture(kind="GIF")), "must be PNG, JPEG, WEBP, got a file that is not one"),
        (image(picture()[:60]), "cannot be read"),
        (image(bomb()), "at most 50,000,000 pixels, got 8000×8000"),
        (image(picture(8, 8)), "at least 32 pixels on each side, got 8×8"),
    ],
)
def test_an_answer_that_is_no_image_gets_one_sentence(
    server: Server, reply: Reply, words: str
) -> None:
    server.tell(reply)
    assert words in refused(server)
    assert len(server.asked) == 1


def test_an_answer_that_is_too_long_is_not_read_to_its_end(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clpips.generation.openai_images.client.MAX_ANSWER_BYTES", 100_000)
    server.tell(Reply(b" " * 100_001))
    assert "must have at most 30 MB, got a longer answer" in refused(server)


def test_a_long_message_of_the_service_is_cut(server: Server) -> None:
    server.tell(Reply({"detail": "word " * 500}, status=400))
    assert refused(server).endswith("…")


# --- images that stand elsewhere --------------------------------------------------------------


def elsewhere(url: str) -> Reply:
    return Reply({"data": [{"url": url}]})


def test_an_image_behind_an_url_of_the_same_machine_is_fetched_without_the_key(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLPIPS_IMAGES_KEY", KEY)
    monkeypatch.setenv("CLPIPS_IMAGES_URL", server.url)
    where = server.url.replace("/v1", "/made/1.png?sig=a%20b")
    server.tell(elsewhere(where), Reply(picture(70, 64), kind="image/png"))
    (made,) = ask(server)
    assert made.image.size == (70, 64)
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert "authorization" not in server.asked[1].headers
    assert server.asked[1].path == "/made/1.png?sig=a%20b"
    assert server.asked[1].headers["host"] == where.split("/")[2]


def test_an_image_behind_an_url_is_fetched_again_without_being_made_again(server: Server) -> None:
    where = server.url.replace("/v1", "/1.png")
    server.tell(elsewhere(where), Reply(status=503), Reply(picture(), kind="image/png"))
    assert len(ask(server)) == 1
    assert [asked.path for asked in server.asked] == ["/v1/images/generations", "/1.png", "/1.png"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://192.168.0.1/a.png", "must lead to a public address"),
        ("https://10.0.0.1/a.png", "must lead to a public address"),
        ("https://169.254.169.254/latest", "must lead to a public address"),
        ("https://[fd00::1]/a.png", "must lead to a public address"),
        ("https://[::ffff:10.0.0.1]/a.png", "must lead to a public address"),
        ("https://[64:ff9b::a00:1]/a.png", "must lead to a public address"),
        ("https://[2002:a00:1::]/a.png", "must lead to a public address"),
        ("https://224.0.0.1/a.png", "must lead to a public address"),
        ("https://0.0.0.0/a.png", "must lead to a public address"),
        ("https://2130706433:99999/", "must be an address"),
        ("ftp://example.com/a.png", "must begin with https://, got 'ftp'"),
        ("file:///etc/passwd", "must be an address"),
        ("https://user:word@example.com/a.png", "must be an address"),
        ("not an address", "must be an address"),
    ],
)
def test_an_image_elsewhere_is_never_fetched_from_a_private_address(
    server: Server, url: str, words: str
) -> None:
    server.tell(elsewhere(url))
    assert words in refused(server)
    assert len(server.asked) == 1


def test_a_name_that_leads_to_a_private_address_is_not_connected_to(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    real = socket.getaddrinfo

    def looked_up(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        return real("10.1.2.3" if name == "pictures.example" else host, port, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    server.tell(elsewhere("https://pictures.example/a.png"))
    assert "'pictures.example', which is 10.1.2.3" in refused(server)


def test_loopback_is_not_for_services_elsewhere() -> None:
    from clpips.generation.openai_images.url_policy import checked_image_url

    with pytest.raises(GenerationError, match="must begin with https://, got 'http'"):
        checked_image_url("http://127.0.0.1/a.png", "https://images.example/v1")


# --- the key ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        f"Incorrect API key provided: {KEY}",
        f"key={KEY}.",
        "wrong: sk-Very-****cdef",
        f"you sent Bearer {KEY}",
        "you sent bearer another-word",
        "wrong: abcd****wxyz",
        "wrong: sk-another-word",
        f"it begins with {KEY[:12]}",
        f"it ends with {KEY[-10:]}",
    ],
)
def test_the_key_is_in_no_error(
    server: Server, monkeypatch: pytest.MonkeyPatch, message: str
) -> None:
    monkeypatch.setenv("CLPIPS_IMAGES_KEY", KEY)
    monkeypatch.setenv("CLPIPS_IMAGES_URL", server.url)
    server.tell(Reply({"error": {"message": message}}, status=401))
    sentence = refused(server)
    assert "[hidden]" in sentence
    assert not any(KEY[at : at + 6] in sentence for at in range(len(KEY) - 5))


def test_the_key_is_in_no_log_and_in_no_provenance(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CLPIPS_IMAGES_KEY", KEY)
    monkeypatch.setenv("CLPIPS_IMAGES_URL", server.url)
    caplog.set_level(logging.DEBUG)
    answer = image(model=KEY, usage={KEY: [KEY]})
    answer.body["data"][0]["revised_prompt"] = f"ball {KEY}"
    answer.headers["X-Echo"] = f"Bearer {KEY}"
    server.tell(answer)
    (made,) = ask(server, options={"fields": {"user": KEY}})
    assert server.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(made.provenance)
    assert "httpx2" in {record.name for record in caplog.records}
    assert KEY not in caplog.text


def test_the_key_is_in_nothing_that_hangs_on_an_error(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLPIPS_IMAGES_KEY", KEY)
    monkeypatch.setenv("CLPIPS_IMAGES_URL", server.url)
    server.tell(Reply(close=True))
    with pytest.raises(GenerationError) as caught:
        ask(server, options={"attempts": 2})
    error: BaseException | None = caught.value
    while error is not None:
        assert not hasattr(error, "request")
        error = error.__cause__ or error.__context__


def test_a_key_that_no_header_can_hold_is_refused_unshown(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLPIPS_IMAGES_KEY", "two words")
    sentence = refused(server)
    assert sentence.startswith("CLPIPS_IMAGES_KEY must be one word") and "two" not in sentence


def test_a_key_is_sent_to_the_address_that_it_belongs_to_alone(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLPIPS_IMAGES_KEY", KEY)
    for address, sent in (
        (f"{server.url}/", True),
        (server.url.upper().replace("/V1", "/v1"), True),
        (server.url.replace("/v1", "/v2"), False),
        ("https://images.example/v1", False),
    ):
        monkeypatch.setenv("CLPIPS_IMAGES_URL", address)
        server.tell(image())
        ask(server)
        assert ("authorization" in server.asked[-1].headers) is sent


def test_a_key_without_an_address_is_sent_nowhere(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLPIPS_IMAGES_KEY", KEY)
    assert refused(server).startswith("CLPIPS_IMAGES_URL must be the base URL that CLPIPS_IMAGES_")
    assert server.asked == []


# --- cancel and pace --------------------------------------------------------------------------


def cancelled(server: Server, watch: Watch, **more: Any) -> None:
    """A call that a cancel ends, while what it waits for would take ten minutes."""
    began = time.monotonic()
    with pytest.raises(Cancelled):
        ask(server, watch=watch, **more)
    assert time.monotonic() - began < 60
    assert len(server.asked) == 1


def test_a_cancel_ends_a_call_under_way_and_its_connection(server: Server) -> None:
    server.tell(Reply(b" " * 30_000, drip=0.02))
    cancelled(server, Watch(cancelled=after(server.answering.is_set)))
    assert server.gone.wait(60), "the service still has somebody listening"


def test_a_cancel_ends_the_wait_for_a_silent_service(server: Server) -> None:
    server.tell(Reply(delay=600))
    cancelled(server, Watch(cancelled=after(lambda: bool(server.asked))))


def test_a_cancel_ends_the_pause_before_another_attempt(server: Server) -> None:
    server.tell(Reply(status=429, headers={"Retry-After": "600"}))
    watch = Watch(cancelled=after(server.answered.is_set, looks=8))
    cancelled(server, watch, waits=Waits(longest=600))


def test_a_cancel_ends_the_wait_for_a_turn(server: Server) -> None:
    watch = Watch(cancelled=after(server.answered.is_set, looks=8))
    cancelled(server, watch, count=2, options={"per_minute": 0.1})


def test_a_cancel_between_images_leaves_those_that_were_made(server: Server) -> None:
    wanted = [True]
    watch = Watch(cancelled=lambda: not wanted[0])
    request = Request("a ball", 1, count=3, width=64, height=64)
    images = Service(server.url).generate(request, watch)
    assert next(images).image.size == (64, 64)
    wanted[0] = False
    with pytest.raises(Cancelled):
        next(images)
    assert len(server.asked) == 1


def test_makers_in_two_threads_keep_one_pace(server: Server) -> None:
    def work() -> None:
        ask(server, count=3, options={"per_minute": 600})

    began = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 6
    # The sixth leaves five turns of 0.1 s after the first at the earliest, however busy it is.
    assert max(asked.at for asked in server.asked) - began >= 0.5


def test_a_maker_works_inside_a_running_loop(server: Server) -> None:
    import asyncio

    async def within() -> list[Generated]:
        return ask(server)

    assert len(asyncio.run(within())) == 1


# --- what is refused before anything is asked -------------------------------------------------


@pytest.mark.parametrize(
    ("base", "words"),
    [
        ("ftp://images.example", "must begin with https:// or http://, got 'ftp'"),
        ("images.example/v1", "must begin with https:// or http://"),
        ("https://", "must name a host"),
        ("https://a b/v1", "must name a host"),
        ("https://images.example:port/v1", "must be an address"),
        ("https://ada:word@images.example/v1", "no user name and no password"),
        ("https://images.example/v1?key=word", "got one with a query"),
        ("https://images.example/v1#word", "got one with a query"),
    ],
)
def test_a_base_url_that_breaks_a_rule_is_refused(base: str, words: str) -> None:
    with pytest.raises(GenerationError, match=words.replace("?", r"\?")) as caught:
        open_maker(f"http:{base}")
    assert "word" not in str(caught.value).replace("password", "")


def test_plain_http_is_for_this_machine_unless_allowed() -> None:
    request = {"prompt": "a", "seed": 1, "count": 1}
    service = Service("http://192.0.2.1/v1", _waits=QUICK)
    with pytest.raises(GenerationError, match="must begin with https:// unless the option"):
        next(service.generate(Request(**request)))
    options = {"allow_plain_http": True, "timeout": 0.05, "attempts": 1}
    with pytest.raises(GenerationError, match="after 1 attempt"):
        next(service.generate(Request(**request, options=options)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"modle": "x"}, "an option of http must be one of model, "),
        ({"model": ""}, "the option model must be a name, got ''"),
        ({"send_seed": 1}, "the option send_seed must be true or false, got '1'"),
        ({"timeout": 0}, "the option timeout must be a number above 0 and at most 3600"),
        ({"timeout": "60"}, "the option timeout must be a number"),
        ({"attempts": 11}, "the option attempts must be a number above 0 and at most 10"),
        ({"attempts": 1.5}, "the option attempts must be a whole number"),
        ({"per_minute": float("nan")}, "the option per_minute must be a number"),
        ({"cost_per_image": 0.1}, "cost_per_image and currency must stand together"),
        ({"cost_per_image": -1, "currency": "EUR"}, "must be a number at least 0"),
        ({"cost_per_image": 0, "currency": "euro"}, "three capital letters"),
        ({"fields": ["x"]}, "the option fields must be fields and their values"),
        ({"fields": {"prompt": "x"}}, "the option fields must name none of prompt"),
        ({"fields": {"x": {1}}}, "must be what JSON can hold"),
    ],
)
def test_an_option_that_breaks_a_rule_is_refused_before_anything_is_asked(
    server: Server, options: dict[str, Any], words: str
) -> None:
    assert words in refused(server, options=options)
    assert not server.asked
