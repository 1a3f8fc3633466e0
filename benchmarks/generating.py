"""Twenty participants generating at once: does the page answer, and does everybody wait alike?

Run ``python benchmarks/generating.py [--people 20] [--few 2] [--rounds 5] [--maker diffusers]``.

Simulated participants speak Streamlit's own websocket protocol (``tests/support/people.py``). First
they all press *Generate* at the same moment, round after round (waves); then each again as soon as
they have ranked (freely); then so with one eager person who looks at nothing. Every click is
timed until the page has answered, without the wait for images; every board from the click to the
page that shows it. The same with few people in the same run gives the ratios.

The claim (``--check``): 95 % of the clicks are answered in half a second, and nobody waits more
than twice the mean, over all boards of a person and over the boards of one wave.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support"), str(ROOT / "tests" / "browser")]

import numpy as np  # noqa: E402 # after the path is set
from people import Person, Timings  # noqa: E402
from running import RunningApp  # noqa: E402
from test_never_lost import add_picture  # noqa: E402

from app.store import Store  # noqa: E402
from app.study.settings import StudySettings  # noqa: E402

ANSWERED, SHARE = 0.5, 2.0
THINK = 2.0
EAGER_ROUNDS = 10  # for each round of the others
MOST_ROUNDS = 60
KINDS = {"waves": {"waves": True}, "freely": {}, "eager": {"eager": True}}


@dataclass
class Waiting(Person):
    """One participant whose clicks and waits are timed."""

    clicks: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    async def run(self, **what: Any) -> None:
        """One script run, timed."""
        started = time.perf_counter()
        await super().run(**what)
        self.clicks.append(time.perf_counter() - started)

    async def one_round(self, think: float) -> None:
        """Prompt, wait for the board, rank, submit."""
        self.values[self.find("text_area").id] = self.rng.choice(["a red house", "a blue boat"])
        started = time.perf_counter()
        await self.click("Generate")
        waiting = self.board()
        await self.candidates(waiting["id"])
        await self.tell(waiting, "ready")
        self.waits.append(time.perf_counter() - started)
        await self.rank(self.board(), think)

    async def rounds_of(self, rounds: int, think: float, together: asyncio.Barrier | None) -> None:
        """Into the study, then that many rounds; with a barrier, each begins for all at once."""
        async with self.connect() as self.socket:
            await self.run()
            await self.click("I agree, continue")
            await self.click("Begin")
            self.clicks.clear()  # everybody arrives at once, which nobody is to be judged by
            for number in range(rounds):
                if number:
                    await self.click("Next round")
                if together is not None:
                    await together.wait()
                await self.one_round(think)


@dataclass(frozen=True)
class Found:
    """What one run gave, in seconds.

    Args:
        clicks, acks: each click, and each ranking, until it was answered.
        waits: a row a person and a column a round.
        busy: processor time of the web process; beside other work on the machine, this
            says what the clicks cost.
    """

    clicks: list[float]
    acks: list[float]
    waits: list[list[float]]
    busy: float

    @property
    def by_person(self) -> float:
        """The longest mean wait of a person, over the mean of all."""
        means = [mean(each) for each in self.waits]
        return max(means) / mean(means)

    @property
    def by_wave(self) -> float:
        """The longest wait of a board over the mean of its wave, the worst of all waves."""
        return max(max(wave) / mean(wave) for wave in zip(*self.waits, strict=True))


async def everybody(people: list[Waiting], rounds: int, *, waves: bool, eager: bool) -> None:
    """All people at once; the eager one stops when the others have finished."""
    barrier = asyncio.Barrier(len(people)) if waves else None
    first, others = people[:1] if eager else [], people[1:] if eager else people
    tasks = [asyncio.create_task(each.rounds_of(rounds, THINK, barrier)) for each in others]
    more = min(rounds * EAGER_ROUNDS, MOST_ROUNDS)
    also = [asyncio.create_task(each.rounds_of(more, 0.0, None)) for each in first]
    await asyncio.gather(*tasks)
    for each in also:
        each.cancel()
    await asyncio.gather(*also, return_exceptions=True)


def go(
    app: RunningApp,
    maker: str,
    count: int,
    rounds: int,
    *,
    waves: bool = False,
    eager: bool = False,
) -> Found:
    """That many people in a study of their own."""
    store, timings = Store(app.data_dir), Timings()
    options = {"steps": 10} if maker.startswith("diffusers") else {}
    settings = StudySettings(
        image_size=64, max_rounds=MOST_ROUNDS, maker=maker, maker_options=options
    )
    study = store.studies.create("Crowd", settings, [("a picture", add_picture(store, 0))])
    host = app.url.removeprefix("http://")
    people = [
        Waiting(host, store.participants.create(study.id)[1], timings, random.Random(number))
        for number in range(count)
    ]
    before = web_seconds(app)
    asyncio.run(everybody(people, rounds, waves=waves, eager=eager))
    busy = web_seconds(app) - before
    judged = people[1:] if eager else people
    clicks = [one for person in people for one in person.clicks]
    return Found(clicks, timings.submit_ack, [person.waits for person in judged], busy)


def web_seconds(app: RunningApp) -> float:
    """Processor time of the web process until now."""
    stat = Path(f"/proc/{app.children()['web']}/stat").read_text()
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def percentiles(seconds: list[float]) -> str:
    """Two of them, in milliseconds."""
    p50, p95 = np.percentile(seconds, [50, 95]) * 1000
    return f"p50 {p50:4.0f} p95 {p95:4.0f} ms"


def show(words: str, few: Found, many: Found, *, waves: bool) -> bool:
    """Print one comparison; whether the claim holds."""
    before, after = (float(np.percentile(each.clicks, 95)) for each in (few, many))
    waits = [one for person in many.waits for one in person]
    usual = mean(one for person in few.waits for one in person)
    fairness = f"by person {many.by_person:.2f}" + (
        f", by wave {many.by_wave:.2f}" if waves else ""
    )
    print(
        f"{words}\n"
        f"  click answered   {percentiles(few.clicks)} → {percentiles(many.clicks)}, "
        f"ratio of p95 {after / before:.1f}, n {len(many.clicks)}\n"
        f"  web process      {1000 * few.busy / len(few.clicks):.0f} → "
        f"{1000 * many.busy / len(many.clicks):.0f} ms of processor time a click, all in all\n"
        f"  ranking stored   {percentiles(few.acks)} → {percentiles(many.acks)}\n"
        f"  wait for a board mean {usual:.1f} → {mean(waits):.1f} s, longest {max(waits):.1f} s, "
        f"longest / mean: {fairness}",
        flush=True,
    )
    fair = many.by_person <= SHARE and (not waves or many.by_wave <= SHARE)
    return after <= ANSWERED and fair


def main() -> int:
    """Waves, freely, with an eager one; few people and many, against one app."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--few", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--maker", choices=["scenes", "diffusers"], default="scenes")
    parser.add_argument("--only", choices=sorted(KINDS), help="one kind of crowd alone")
    parser.add_argument("--check", action="store_true", help="status 1 where the claim fails")
    options = parser.parse_args()
    with TemporaryDirectory() as folder, RunningApp(Path(folder)) as app:
        maker = options.maker
        if maker == "diffusers":
            from small_pipeline import save_small_pipeline

            maker = f"diffusers:{save_small_pipeline(Path(folder) / 'small')}"
        go(app, maker, 1, 1)  # the worker loads the model
        few = go(app, maker, options.few, options.rounds)
        print(f"{options.maker}: {options.few} → {options.people} people, {options.rounds} rounds")
        kinds = [options.only] if options.only else list(KINDS)
        held = [
            show(
                words,
                few,
                go(app, maker, options.people, options.rounds, **KINDS[words]),
                waves="waves" in KINDS[words],
            )
            for words in kinds
        ]
    return 0 if all(held) or not options.check else 1


if __name__ == "__main__":
    sys.exit(main())
