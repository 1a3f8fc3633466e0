"""A store with a study in it, and the few moves that tests repeat."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from app.store import Store
from app.study.settings import StudySettings
from app.study.submission import BoardRanking, Submission, SubmitResult
from app.study.types import Participant, Round, Study
from clpips.types import Provenance

_names = itertools.count(1)


@dataclass
class Floor:
    """A store and the few moves that tests repeat."""

    store: Store

    def image(self, number: int) -> str:
        return self.store.images.add(f"picture {number}".encode(), width=64, height=64)

    def study(self, *, targets: int = 2, **settings: Any) -> Study:
        chosen = [(f"target {number}", self.image(number)) for number in range(targets)]
        return self.store.studies.create("Shapes", StudySettings(**settings), chosen)

    def person(self, study: Study) -> Participant:
        person, _ = self.store.participants.create(study.id)
        self.store.participants.consent(person.id)
        return self.store.participants.start(person.id)

    def ask(self, person: Participant, prompt: str = "a red ball") -> Round:
        trial = self.store.progress.of_participant(person.id).trial
        assert trial is not None
        return self.store.rounds.request(
            person.id, trial.id, prompt, request_id=f"click-{next(_names)}"
        )

    def make(self, asked: Round, *, first_image: int = 1000, count: int = 4) -> Round:
        """Do the worker's part of a round."""
        made = []
        for index in range(count):
            image = self.image(first_image + 100 * asked.id + index)
            made.append((image, Provenance("scenes", "1", asked.prompt, index, 64, 64)))
        assert self.store.rounds.add_candidates(asked.id, made)
        return self.store.rounds.get(asked.id)

    def board(self, person: Participant) -> Round:
        return self.make(self.ask(person))

    def submission(
        self,
        board: Round,
        order: tuple[int, ...] | None = None,
        *,
        uuid: str | None = None,
        replaces: str | None = None,
    ) -> Submission:
        """A ranking of a board; ``order`` names shown places, nearest first."""
        shown = tuple(candidate.id for candidate in board.candidates)
        places = order or tuple(range(len(shown)))
        return Submission(
            uuid=uuid or f"submission-{next(_names)}",
            round_id=board.id,
            order=tuple(shown[place] for place in places),
            ranks=tuple(range(1, len(shown) + 1)),
            shown=shown,
            replaces=replaces,
            elapsed_ms=1234,
            input={"drag": 1},
        )

    def rank(self, person: Participant, order: tuple[int, ...] | None = None) -> BoardRanking:
        """A whole round: ask, make, submit."""
        return self.send(person, self.submission(self.board(person), order)).ranking

    def send(self, person: Participant, submission: Submission) -> SubmitResult:
        return self.store.rankings.submit(person.id, submission)

    def finish(self, person: Participant) -> Participant:
        trial = self.store.progress.of_participant(person.id).trial
        assert trial is not None
        return self.store.trials.finish(person.id, trial.id)
