"""Simulated participants over Streamlit's own websocket: no browser, the real protocol.

Each person opens their link, clicks through consent and instructions, writes prompts, waits for
the candidates, submits a ranking over HTTP as the board does, and asserts at every step that the
page is their own. The wire format is internal to Streamlit, which is why its version is pinned.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import websockets
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

WAIT = 120.0


@dataclass
class Timings:
    """Seconds of each kind of step, over all people."""

    first_page: list[float] = field(default_factory=list)
    next_board: list[float] = field(default_factory=list)
    submit_ack: list[float] = field(default_factory=list)
    after_submit: list[float] = field(default_factory=list)


@dataclass
class Sent:
    """One acknowledged ranking, to be held against the store."""

    round_id: int
    uuid: str
    order: tuple[int, ...]
    image_hashes: tuple[str, ...]


@dataclass
class Person:
    """One participant: their link's token, and the page they see."""

    host: str
    token: str
    timings: Timings
    rng: random.Random
    sent: list[Sent] = field(default_factory=list)
    elements: list[Any] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    states: dict[str, Any] = field(default_factory=dict)
    page: str = ""
    socket: Any = None

    def connect(self) -> websockets.connect:
        """The websocket of this person's page, to be entered."""
        address = f"ws://{self.host}/_stcore/stream"
        return websockets.connect(
            address, subprotocols=["streamlit"], max_size=None, open_timeout=60
        )

    async def take_part(self, *, rounds: int, think: float) -> None:
        """Finish every trial of the study with the given number of rounds in each."""
        started = time.perf_counter()
        async with self.connect() as self.socket:
            await self.run()
            self.timings.first_page.append(time.perf_counter() - started)
            await self.click("I agree, continue")
            await self.click("Begin")
            number = 0
            while not self.has("thank you"):
                if self.has("last part"):
                    await self.one_of_the_last_boards(think)
                    continue
                if number == rounds:
                    await self.click("I am done with this target")
                    number = 0
                    continue
                if number:
                    await self.click("Next round")
                await self.one_round(think)
                number += 1
            await self.nothing_left_to_send()
            assert self.has("completion code"), "no code after the last ranking"

    async def nothing_left_to_send(self) -> None:
        """What the outbox tells on the last page, so that the code is shown."""
        self.states[self.component("pending")[0]] = {"pending": 0}
        await self.run()

    async def one_round(self, think: float) -> None:
        """Prompt, wait, rank at random, submit."""
        self.values[self.find("text_area").id] = self.rng.choice(
            ["a red house", "two green trees", "a boat on the sea", "a cat in a room"]
        )
        await self.click("Generate")
        waiting = self.board()
        ready = await self.candidates(waiting["id"])
        started = time.perf_counter()
        await self.tell(waiting, "ready")
        shown = self.board()
        self.timings.next_board.append(time.perf_counter() - started)
        assert shown["state"] == "ranking", shown["state"]
        assert shown["id"] == ready["id"] == waiting["id"], "another round's board"
        assert shown["candidates"] == ready["candidates"], "another order than the server's"
        await self.rank(shown, think)

    async def one_of_the_last_boards(self, think: float) -> None:
        """A board that comes with its images: submit, then on to the next or to the end."""
        shown = self.board()
        assert shown["state"] == "ranking", shown["state"]
        await self.rank(shown, think)
        onward = self.find("button")
        assert onward.label in ("Next set", "Finish the study"), onward.label
        await self.click(onward.label)

    async def rank(self, shown: Mapping[str, Any], think: float) -> None:
        """Think, submit, and see the page after it."""
        await asyncio.sleep(think * (0.5 + self.rng.random()))
        await self.submit(shown)
        started = time.perf_counter()
        await self.tell(shown, "saved")
        self.timings.after_submit.append(time.perf_counter() - started)
        assert self.board()["state"] == "ranked"

    async def candidates(self, round_id: int) -> Mapping[str, Any]:
        """Poll as the board does until the round can be ranked."""
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            found = await self.http("GET", f"/api/round/{round_id}")
            if found["state"] == "ranking":
                return found
            assert found["state"] == "generating", found
            await asyncio.sleep(min(2.0, 0.4 + 0.2 * found["waiting_ahead"]))
        raise TimeoutError(f"round {round_id} was not made in {WAIT:.0f} s")

    async def submit(self, board: Mapping[str, Any]) -> None:
        """Send a random order and keep what was acknowledged."""
        shown = [candidate["id"] for candidate in board["candidates"]]
        order = self.rng.sample(shown, len(shown))
        name = uuid.uuid4().hex
        body = {
            "uuid": name,
            "round": board["id"],
            "order": order,
            "ranks": list(range(1, len(order) + 1)),
            "shown": shown,
            "replaces": None,
            "elapsed_ms": 1000,
            "input": {},
            "confidence": self.rng.choice([None, 0.0, 0.5, 1.0]),
        }
        started = time.perf_counter()
        answer = await self.http("POST", "/api/submit", body)
        self.timings.submit_ack.append(time.perf_counter() - started)
        assert answer["outcome"] == "saved", answer
        hashes = {one["id"]: one["src"] for one in board["candidates"]}
        self.sent.append(Sent(board["id"], name, tuple(order), tuple(hashes[i] for i in order)))

    # --- the page -----------------------------------------------------------------------------

    def has(self, words: str) -> bool:
        """Whether the page says something, whatever the element."""
        return any(words in str(element).lower() for element in self.elements)

    def find(self, kind: str, label: str | None = None) -> Any:
        """The first element of a kind (and label) on the page."""
        for element in self.elements:
            if element.WhichOneof("type") == kind:
                found = getattr(element, kind)
                if label is None or found.label == label:
                    return found
        kinds = [element.WhichOneof("type") for element in self.elements]
        raise AssertionError(f"no {kind} {label!r} on the page, only {kinds}")

    def component(self, key: str) -> tuple[str, dict[str, Any]]:
        """Id and data of the component whose data have a key."""
        for element in self.elements:
            if element.WhichOneof("type") == "bidi_component":
                data = json.loads(element.bidi_component.json or "{}")
                if key in data:
                    assert data.get("token", self.token) == self.token, "somebody else's page"
                    return element.bidi_component.id, data
        raise AssertionError(f"no component with {key!r} on the page")

    def board(self) -> dict[str, Any]:
        """The round that the page's board shows."""
        return dict(self.component("round")[1]["round"])

    async def click(self, label: str) -> None:
        """Press a button and wait for the page."""
        button = self.find("button", label)
        assert not button.disabled, f"{label!r} is disabled"
        await self.run(button=button.id)

    async def tell(self, board: Mapping[str, Any], kind: str) -> None:
        """Send the board's own message, as its JavaScript does."""
        value = {"kind": kind, "round": board["id"]}
        await self.run(trigger=(_make_trigger_id(self.component("round")[0], "events"), value))

    async def run(
        self, *, button: str | None = None, trigger: tuple[str, Mapping[str, Any]] | None = None
    ) -> None:
        """One script run with the widgets' values; the page becomes what it sent."""
        message = BackMsg()
        request = message.rerun_script
        request.query_string, request.page_script_hash = f"p={self.token}", self.page
        for name, value in self.values.items():
            state = request.widget_states.widgets.add()
            state.id, state.string_value = name, value
        for name, value in self.states.items():
            state = request.widget_states.widgets.add()
            state.id, state.json_value = name, json.dumps(value)
        if button is not None:
            state = request.widget_states.widgets.add()
            state.id, state.trigger_value = button, True
        if trigger is not None:
            state = request.widget_states.widgets.add()
            state.id = trigger[0]
            state.json_trigger_value = json.dumps([{"event": "event", "value": trigger[1]}])
        await self.socket.send(message.SerializeToString())
        await self.settle()

    async def settle(self) -> None:
        """Read until the script has finished; one that reruns itself goes on."""
        drawn: dict[tuple[int, ...], Any] = {}
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(await asyncio.wait_for(self.socket.recv(), WAIT))
            kind = answer.WhichOneof("type")
            if kind == "new_session":
                self.page, drawn = answer.new_session.page_script_hash, {}
            elif kind == "delta" and answer.delta.WhichOneof("type") == "new_element":
                drawn[tuple(answer.metadata.delta_path)] = answer.delta.new_element
            elif kind == "script_finished":
                if answer.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                    self.elements = [drawn[path] for path in sorted(drawn)]
                    return
                drawn = {}

    async def http(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """One request with this person's token; the JSON answer."""
        content = json.dumps(body).encode() if body is not None else b""
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n"
            f"Origin: http://{self.host}\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        name, port = self.host.split(":")
        reader, writer = await asyncio.open_connection(name, int(port))
        writer.write(head.encode() + content)
        await writer.drain()
        answer = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        return dict(json.loads(answer.split(b"\r\n\r\n", 1)[1]))
