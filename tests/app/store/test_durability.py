"""Nothing that was acknowledged is ever lost: many writers at once, and kill -9 half-way."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from sqlite_utils.utils import sqlite3

if TYPE_CHECKING:
    from floor import Floor

PROCESSES, THREADS = 8, 3

# sqlite-utils imports pandas where it is installed; without it a process starts four times faster.
BEGIN = """
import itertools, json, sys
sys.modules["pandas"] = None
from concurrent.futures import ThreadPoolExecutor
from app.store import Store
from app.study.submission import Submission
folder, me, boards = json.loads(sys.argv[1])
store = Store(folder)
ORDERS = list(itertools.permutations(range(4)))
def send(board, uuid, order, replaces=None):
    person, round_id, shown = board
    order = tuple(shown[place] for place in order)
    submission = Submission(uuid, round_id, order, (1, 2, 3, 4), tuple(shown), replaces)
    return store.rankings.submit(person, submission)
"""

RACE = """
def race(thread):
    acks = []
    for board in boards:
        uuid = f"race-{me}-{thread}-{board[1]}"
        for _ in range(2):  # a retry, as after a lost answer
            acks.append((uuid, board[1], send(board, uuid, ORDERS[me * THREADS + thread]).outcome))
    return acks
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(THREADS) as pool:
    print(json.dumps([ack for acks in pool.map(race, range(THREADS)) for ack in acks]))
"""

EDITS = """
last = store.rounds.get(boards[0][1]).ranking
last = last and last.uuid
for count in itertools.count():
    uuid = f"edit-{me}-{count:06d}"
    assert send(boards[0], uuid, ORDERS[count % 24], last).outcome == "saved"
    print(uuid, flush=True)
    last = uuid
"""


def start(floor: Floor, program: str, me: int, boards: list[object]) -> subprocess.Popen[str]:
    folder = str(floor.store.settings.data_dir)
    return subprocess.Popen(
        [sys.executable, "-c", BEGIN + program, json.dumps([folder, me, boards])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def board_of(floor: Floor, study_id: int) -> list[object]:
    person = floor.person(floor.store.studies.get(study_id))
    board = floor.board(person)
    return [person.id, board.id, [candidate.id for candidate in board.candidates]]


def check_integrity(path: Path) -> None:
    connection = sqlite3.connect(str(path))
    found = connection.execute("PRAGMA integrity_check").fetchall()
    found += connection.execute("PRAGMA foreign_key_check").fetchall()
    connection.close()
    assert found == [("ok",)]


def test_of_many_racing_submissions_one_stands_and_every_answer_is_true(floor: Floor) -> None:
    study = floor.study()
    boards = [board_of(floor, study.id) for _ in range(6)]
    program = f"THREADS = {THREADS}\n" + RACE
    running = [start(floor, program, me, boards) for me in range(PROCESSES)]
    for process in running:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in running:  # all have started: let them go together
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    acks = [ack for process in running for ack in json.loads(process.communicate(timeout=60)[0])]
    assert len(acks) == PROCESSES * THREADS * 2 * len(boards)
    for _, round_id, _ in boards:
        saved = [uuid for uuid, board, outcome in acks if (board, outcome) == (round_id, "saved")]
        (stands,) = floor.store.rankings.history(round_id)
        assert saved == [stands.uuid]
        told = Counter(tuple(ack) for ack in acks if ack[1] == round_id)
        kept = Counter(
            (each.uuid, round_id, each.outcome) for each in floor.store.rankings.attempts(round_id)
        )
        assert kept == told
    assert len(floor.store.rankings.of_study(study.id)) == len(boards)
    check_integrity(floor.store.path)


def test_kill_9_of_a_writer_keeps_every_acknowledged_ranking(floor: Floor) -> None:
    study = floor.study()
    board = board_of(floor, study.id)
    acked: list[str] = []
    for life in range(3):
        process = start(floor, EDITS, life, [board])
        assert process.stdout is not None
        acked += [line.strip() for line in itertools.islice(process.stdout, 40 + 7 * life)]
        process.kill()
        acked += [line.strip() for line in process.stdout if line.endswith("\n")]
        process.communicate(timeout=30)
        assert process.returncode == -9
    stored = [each.uuid for each in floor.store.rankings.history(int(str(board[1])))]
    assert set(acked) <= set(stored)
    assert len(stored) == len(set(stored)) <= len(acked) + 3  # one a life may be stored, unsaid
    assert len(acked) >= 3 * 40
    check_integrity(floor.store.path)
