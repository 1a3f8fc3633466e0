"""Makes the files beside it, with the version before the rooms (commit dac14f9) and no other.

    git clone . /tmp/before && git -C /tmp/before checkout dac14f9 && cd /tmp/before
    PYTHONPATH=$PWD python .../tests/reference/before-rooms/make.py .../tests/reference/before-rooms

It writes ``data.zip`` (a data folder: database, images, personal metrics, exports), ``study.zip``
(a bundle of its first study), ``metrics/*.safetensors`` and ``expected.json`` (what that version
read from all of them). To keep them small, ``data.zip`` leaves out the images that ``study.zip``
holds, and the database the difference vectors that no fit needs: those in the space ``wide`` but
for three, and those of images that nobody was shown.

`tests/test_older_files.py` opens them with today's code. The files are never made anew: the names
imported here no longer exist.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import sqlite3
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from app.bundle import open_bundle
from app.passwords import hash_password
from app.pictures import add_target
from app.records import Fit
from app.simulation import true_card, true_weights
from app.tables.duels import ALIKE, SIDE
from app.work.current import distances
from clpips.baselines import baseline_and_hold_out
from clpips.everyone import Everyone
from clpips.observations import Observation
from clpips.rankings import read_rankings
from clpips.watch import Watch
from PIL import Image, ImageEnhance, ImageFilter

from app.settings import Settings
from app.store import Store
from app.worker import LOOPS, Worker
from clpips.__main__ import main as command
from clpips.evaluation import fit_and_hold_out
from clpips.generation.scenes import sample_targets
from clpips.metric import CLPIPS
from clpips.types import MakerArm, Participant, Round, Study, StudySettings, Submission

SIDE_PIXELS = 64
PASSWORD = "a password of before"


class Somebody:
    """A participant who ranks by known weights, through the store and the worker."""

    def __init__(self, worker: Worker, study: Study, label: str, layer: int) -> None:
        self.worker, self.store, self.study = worker, worker.store, study
        self.who, self.token = self.store.add_participant(study.id, label=label, seed=layer)
        self.weights = true_weights("alex", layer)
        self.clicks = 0

    def begin(self) -> None:
        self.store.consent(self.who.id)
        self.store.start(self.who.id)

    def ask(self, prompt: str, start: int | None = None, *, work: bool = True) -> Round:
        self.clicks += 1
        trial = self.store.standing(self.who.id).trial
        asked = self.store.request_round(
            self.who.id, trial.id, prompt, request_id=f"click {self.clicks}", start=start
        )
        if work:
            everything(self.worker)
        return self.store.round(asked.id)

    def submission(
        self, board: Round, *, ties: bool = False, turned: bool = False, **more: Any
    ) -> Submission:
        target = self.store.trial_rounds(self.who.id, board.trial_id).target.image
        images = [each.image for each in board.candidates]
        away = distances(self.store, self.study, target, images, Watch()) @ self.weights
        places = np.argsort(away)[:: -1 if turned else 1]
        shown = tuple(each.id for each in board.candidates)
        ranks = (1, 1, *range(3, len(shown) + 1)) if ties else tuple(range(1, len(shown) + 1))
        return Submission(
            uuid=more.pop("uuid", f"ranking of {board.id}"),
            round_id=board.id,
            order=tuple(shown[int(place)] for place in places),
            ranks=ranks[: len(shown)],
            shown=shown,
            elapsed_ms=1500 + board.id,
            input={"drag": 2, "keyboard": 1},
            confidence=0.75,
            **more,
        )

    def rank(self, board: Round, **how: Any) -> None:
        self.store.submit(self.who.id, self.submission(board, **how))

    def finish(self) -> None:
        self.store.finish_trial(self.who.id, self.store.standing(self.who.id).trial.id)

    def last_boards(self, *, alike: bool) -> None:
        """Every board of the last part; where ``alike``, no pair is shown."""
        while (standing := self.store.standing(self.who.id)).trial is not None:
            board = standing.round
            if board.kind == "duel" and alike:
                self.store.set_round_failed(board.id, ALIKE)
                cancel_drawing(self.store, self.study)
                self.store.next_board(self.who.id, board.id)
                continue
            if board.state == "generating":
                everything(self.worker)
                board = self.store.round(board.id)
            if board.state == "ranking":
                self.rank(board)
            self.store.next_board(self.who.id, board.id)


def cancel_drawing(store: Store, study: Study) -> None:
    for job in store.jobs(study.id, kinds=["generate"]):
        if job.state == "queued":
            store.cancel_job(job.id)


def everything(worker: Worker) -> None:
    """Do every job that waits."""
    while any(worker.do_next(kinds) for kinds in LOOPS):
        pass


def compared_study(worker: Worker) -> tuple[Study, dict[str, str], Somebody]:
    """Two arms, guidance, repeats, a calibration board and a blind pair; six people in it."""
    store = worker.store
    samples = sample_targets()[:2]
    targets = [(each.name, add_target(store, each, SIDE_PIXELS)) for each in samples]
    settings = StudySettings(
        candidates=3,
        min_rounds=1,
        max_rounds=3,
        image_size=SIDE_PIXELS,
        repeats=1,
        calibration=1,
        duels=1,
        ask_confidence=True,
        arms=(MakerArm("scenes", "scenes"), MakerArm("tiny", "tiny", {"steps": 2})),
        guidance=("stock", "personal"),
        instructions="Rank what you see.",
    )
    study = store.add_study("Hats & houses, before the rooms", settings, targets)
    everything(worker)
    people = [Somebody(worker, study, name, 4 * n) for n, name in enumerate(("Ada", "Ben"))]
    for each in people:
        each.begin()
        board = each.ask("a red house in the snow")
        each.rank(board)
        edit = each.submission(board, turned=True, uuid=f"edit of {board.id}")
        edit = Submission(**{**as_dict(edit), "replaces": f"ranking of {board.id}"})
        store.submit(each.who.id, edit)
        everything(worker)  # guidance
        store.show_guide(each.who.id, board.id)
    ada, ben = people
    ada.rank(store.round(1), uuid="too late")  # a conflict: an edit came between
    failed = ada.ask("a house that fails", work=False)
    store.set_round_failed(failed.id, "no paint")
    cancel_drawing(store, study)
    stopped = ben.ask("a house that nobody waited for", work=False)
    store.cancel_round(ben.who.id, stopped.id)
    ada.rank(ada.ask("a red wooden house, two pine trees"), ties=True)
    for each in people:
        each.finish()
        each.rank(each.ask("a white boat with red sails on the sea"))
        everything(worker)
        each.finish()
        each.last_boards(alike=each is ben)
    open_, waiting = (Somebody(worker, study, name, 2) for name in ("Cleo", "Dan"))
    open_.begin()
    open_.rank(open_.ask("a house"))
    waiting.begin()
    Somebody(worker, study, "Eve", 3)
    for scope in ("each", "pooled"):
        payload = {"study_id": study.id, "scope": scope, "participant_id": None}
        store.enqueue("fit", payload, study_id=study.id)
    everything(worker)
    of_fit = {"fit_id": store.fits(study.id)[-1].id}
    for what, which in (("csv", {}), ("metric", of_fit), ("methods", {}), ("latex", {})):
        payload = {"study_id": study.id, "what": what, **which}
        store.enqueue("export", payload, study_id=study.id)
    everything(worker)
    return study, {each.who.label: each.token for each in (ada, ben, open_, waiting)}, waiting


def second_study(worker: Worker) -> Study:
    """Informative choice, a round that starts from an image, and a simulated participant."""
    store = worker.store
    sample = sample_targets()[2]
    settings = StudySettings(
        candidates=2,
        made_per_round=3,
        choice="informative",
        min_rounds=1,
        image_size=SIDE_PIXELS,
        maker="tiny",
        maker_options={"steps": 2},
    )
    target = (sample.name, add_target(store, sample, SIDE_PIXELS))
    study = store.add_study("Another study", settings, [target])
    fay = Somebody(worker, study, "Fay", 1)
    fay.begin()
    first = fay.ask("a lighthouse")
    fay.rank(first)
    fay.rank(fay.ask("a lighthouse on the beach", start=first.candidates[0].id))
    store.add_participant(
        study.id, label="Simulated 2", simulated=True, true_weights=true_card("alex", 1), seed=9
    )
    return study


def as_dict(submission: Submission) -> dict[str, Any]:
    return {name: getattr(submission, name) for name in submission.__dataclass_fields__}


# --- what this version reads --------------------------------------------------------------------


def readings(store: Store, study: Study) -> dict[str, Any]:
    """What the store says of a study, under names of this file's own and without row numbers."""
    ranked = store.ranked_rounds(study.id)
    fits = sorted(store.fits(study.id), key=lambda fit: fit.id)
    people = store.participants(study.id)
    return {
        "title": study.title,
        "settings": settings_of(study),
        "targets": [[t.position, t.name, t.image, t.kind] for t in store.targets(study.id)],
        "participants": [person_of(store, person) for person in people],
        "rounds": [round_of(store, each.round) for each in ranked],
        "rankings": [ranking_of(each) for each in store.study_rankings(study.id)],
        "shown_positions": [list(each) for each in store.shown_positions(study.id)],
        "calibration": [
            [board.name, board.target, [sha for sha, _ in board.made]]
            for board in store.calibration(study.id)
        ],
        "duels": [
            [d.participant, d.target, d.personal, d.stock, d.place, d.winner]
            for d in store.duels(study.id)
            if d.winner is not None
        ],
        "arms": [
            [board.participant, [[image.arm, image.rank] for image in board.images]]
            for board in store.arm_boards(study.id)
        ],
        "guidance": sorted(
            [each.guidance, each.began, each.completed, each.targets, each.rounds]
            for each in store.guidance_counts(study.id)
        ),
        "vectors": {space: vectors_of(store, study, space) for space in ("alex", "wide")},
        "fits": [fit_of(store, fit) for fit in fits],
    }


def settings_of(study: Study) -> dict[str, Any]:
    its = study.settings
    return {
        "candidates": its.candidates,
        "made_per_round": its.made_per_round,
        "min_rounds": its.min_rounds,
        "max_rounds": its.max_rounds,
        "image_size": its.image_size,
        "backbone": its.backbone,
        "maker": its.maker,
        "maker_options": dict(its.maker_options),
        "choice": its.choice,
        "repeats": its.repeats,
        "calibration": its.calibration,
        "duels": its.duels,
        "ask_confidence": its.ask_confidence,
        "writes_prompts": its.writes_prompts,
        "mixes_arms": its.mixes_arms,
        "arms": [[arm.name, arm.maker, dict(arm.options)] for arm in its.arms],
        "guidance": list(its.guidance),
        "consent": its.consent,
        "instructions": its.instructions,
    }


def person_of(store: Store, person: Participant) -> dict[str, Any]:
    """A participant and where they stand; an open round counts as cancelled in a bundle."""
    standing = store.standing(person.id)
    return {
        "label": person.label,
        "simulated": person.simulated,
        "guidance": person.guidance,
        "consented_at": person.consented_at,
        "started_at": person.started_at,
        "completed_at": person.completed_at,
        "completion_code": standing.completion_code,
        "phase": standing.phase,
        "done_trials": standing.done_trials,
        "trials": [[t.target.name, t.position, t.state] for t in standing.trials],
        "board": standing.board,
        "boards": standing.boards,
        "can_finish": standing.can_finish_trial,
        "can_ask": standing.can_request_round,
        "true_weights": store.true_weights(person.id),
    }


def round_of(store: Store, board: Round) -> dict[str, Any]:
    """A ranked round: its images, how they were made, its rankings and every attempt."""
    places = {each.id: each.position for each in board.candidates}
    guide = store.guide(board.id)
    return {
        "number": board.number,
        "prompt": board.prompt,
        "seed": board.seed,
        "kind": board.kind,
        "arm": board.arm,
        "start": board.start,
        "strength": board.strength,
        "images": [
            [
                each.image,
                each.position,
                each.provenance.maker,
                each.provenance.maker_version,
                each.provenance.prompt,
                each.provenance.seed,
                each.provenance.width,
                each.provenance.height,
                {k: v for k, v in each.provenance.options.items() if k != SIDE},
                list(each.provenance.not_understood),
                each.provenance.seconds,
            ]
            for each in board.candidates
        ],
        "history": [
            [
                one.uuid,
                [places[each] for each in one.order],
                list(one.ranks),
                [places[each] for each in one.shown],
                one.elapsed_ms,
                one.confidence,
                one.submitted_at,
            ]
            for one in store.ranking_history(board.id)
        ],
        "attempts": [
            [one.uuid, one.outcome, one.message, [places[e] for e in one.payload["order"]], one.at]
            for one in store.attempts(board.id)
        ],
        "guide": None
        if guide is None
        else [guide.metric, guide.n_rankings, dict(guide.distances), guide.shown_at],
    }


def ranking_of(one: Any) -> list[Any]:
    return [
        one.participant,
        one.target,
        list(one.images),
        list(one.ranks),
        str(one.trial),
        str(one.round),
        one.confidence,
    ]


def vectors_of(store: Store, study: Study, space: str) -> dict[str, Any]:
    """How many of a study's pairs have a vector, and a checksum over all of them in order."""
    rankings = store.study_rankings(study.id)
    pairs = sorted({(one.target, image) for one in rankings for image in one.images})
    found = store.difference_vectors(pairs, space)
    digest = hashlib.sha256()
    for pair in pairs:
        if pair in found:
            digest.update("/".join(pair).encode() + found[pair].astype("<f8").tobytes())
    return {"pairs": len(pairs), "vectors": len(found), "sha256": digest.hexdigest()}


def fit_of(store: Store, fit: Fit) -> dict[str, Any]:
    weights = CLPIPS.load(fit.metric_path).weights
    return {
        "scope": fit.scope,
        "backbone": fit.backbone,
        "report": fit.report,
        "created_at": fit.created_at,
        "weights": weights_sha256(weights),
        "comparison": store.comparisons([fit.id]).get(fit.id),
    }


def whole_folder(store: Store) -> dict[str, Any]:
    """What only the data folder holds, and no bundle."""
    return {
        "studies": [
            [each.title, each.join_code, each.is_open, each.created_at] for each in store.studies()
        ],
        "tallies": {
            str(each.study_id): [
                each.targets,
                each.participants,
                each.completed,
                each.trials,
                each.done_trials,
                each.rankings,
                each.last_activity,
            ]
            for each in store.tallies().values()
        },
        "costs": {
            str(each.id): [list(c) for c in store.costs(each.id)] for each in store.studies()
        },
        "waits": {
            str(each.id): [list(w) for w in store.waits(each.id)] for each in store.studies()
        },
        "jobs": {
            str(each.id): sorted([job.kind, job.state] for job in store.jobs(each.id))
            for each in store.studies()
        },
        "exports": {
            str(each.id): sorted(
                [one.name, one.media_type, one.bytes, one.sha256] for one in store.exports(each.id)
            )
            for each in store.studies()
        },
        "setting": store.get_setting("a setting"),
        "password": PASSWORD,
    }


# --- personal metrics ---------------------------------------------------------------------------


def weights_sha256(weights: np.ndarray) -> str:
    return hashlib.sha256(weights.astype("<f8").tobytes()).hexdigest()


def made_metrics(folder: Path, rankings_csv: Path) -> list[str]:
    """Save one metric of every sort; their names."""
    rankings = read_rankings(rankings_csv)
    found: dict[str, CLPIPS] = {}
    held_out = None
    for space in ("alex", "vgg", "st-alex", "wide"):
        everyone: list[Observation] = CLPIPS(space).observe(rankings)
        own = [one for one in everyone if one.ranking.participant == "Ada"]
        if space == "alex":
            metric = CLPIPS(space, granularity="channel", start="everyone")
            held_out = fit_and_hold_out(metric, own, everyone=Everyone(everyone, space))
            found["alex-channel-pooled-start"] = metric
            found["alex-layer"] = CLPIPS(space, granularity="layer", margin=0.5).fit(own)
            found["alex-pooled"] = CLPIPS(space).fit(everyone)
            for name in ("unregularised",):
                found[f"alex-{name}"], _ = baseline_and_hold_out(name, own, space)
        else:
            found[space] = CLPIPS(space, granularity="channel", start="stock").fit(own)
    for name, metric in found.items():
        its = held_out.to_dict() if name == "alex-channel-pooled-start" and held_out else None
        metric.save(folder / f"{name}.safetensors", held_out=its)
    return list(found)


def metric_readings(folder: Path, name: str) -> dict[str, Any]:
    """Distances from a sample target at 128 pixels, and between two files as they lie."""
    metric = CLPIPS.load(folder / f"{name}.safetensors")
    samples = sample_targets()
    with Image.open(samples[0].path) as target:
        small = target.convert("RGB").resize((128, 128), Image.Resampling.LANCZOS)
    others = [
        small.filter(ImageFilter.GaussianBlur(3)),
        ImageEnhance.Color(small).enhance(0.2),
        small.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    ]
    card = metric.card_
    return {
        "backbone": metric.backbone,
        "weights": weights_sha256(metric.weights),
        "distances": list(metric.distances(small, others).values),
        "sample_distance": metric.distance(samples[0].path, samples[1].path),
        "participants": list(card.participants),
        "counts": [card.n_rankings, card.n_comparisons, card.n_targets],
        "settings": [
            card.settings.granularity,
            card.settings.margin,
            card.settings.shrinkage,
            card.settings.start,
            card.settings.seed,
        ],
        "gap": card.gap,
        "held_out": card.held_out,
    }


def printed(*arguments: str) -> Any:
    """The JSON document that a command prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
        command(list(arguments))
    return json.loads(out.getvalue())


def opened_bundle(store: Store, study: Study, bundle: Path, folder: Path) -> dict[str, Any]:
    """What a store says of the study when it comes out of the bundle, as far as that differs.

    A bundle holds no comparison: it can be made again.
    """
    other = Store(folder)
    there = readings(other, open_bundle(other, bundle, Watch()))
    here = readings(store, study)
    here["fits"] = [{**each, "comparison": None} for each in here["fits"]]
    return {key: value for key, value in there.items() if value != here[key]}


def leave_out_vectors(store: Store) -> None:
    with contextlib.closing(sqlite3.connect(store.path)) as db, db:
        db.execute(
            """DELETE FROM difference_vector WHERE image NOT IN (SELECT image FROM candidate)
               OR (backbone = 'wide' AND rowid NOT IN (
                   SELECT rowid FROM difference_vector WHERE backbone = 'wide' LIMIT 3))"""
        )


def zip_files(path: Path, root: Path, files: Iterable[Path]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        for file in sorted(files):
            archive.write(file, file.relative_to(root).as_posix())


def make(out: Path) -> None:
    """Make everything anew in ``out``."""
    (out / "metrics").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        worker = Worker(Settings(folder / "data"))
        store = worker.store
        study, tokens, waiting = compared_study(worker)
        another = second_study(worker)
        waiting.ask("a board that is being made when the old version ends", work=False)
        leave_out_vectors(store)
        store.set_password_hash(hash_password(PASSWORD))
        store.set_setting("a setting", "kept")
        store.enqueue("export", {"study_id": study.id, "what": "bundle"}, study_id=study.id)
        while worker.do_next(["export"]):
            pass
        bundle = next(each for each in store.exports(study.id) if each.name.endswith(".zip"))
        (out / "study.zip").write_bytes(bundle.path.read_bytes())
        with zipfile.ZipFile(out / "study.zip") as archive:
            archive.extractall(folder / "unzipped")
        rankings = folder / "unzipped" / "rankings.csv"
        names = made_metrics(out / "metrics", rankings)
        one = out / "metrics" / "alex-channel-pooled-start.safetensors"
        expected = {
            "made_by": "dac14f9",
            "studies": {str(each.id): readings(store, each) for each in (study, another)},
            "opened_bundle": opened_bundle(store, study, out / "study.zip", folder / "elsewhere"),
            "folder": whole_folder(store),
            "tokens": tokens,
            "metrics": {name: metric_readings(out / "metrics", name) for name in names},
            "evaluate_stock": printed("evaluate", str(rankings), "--json"),
            "evaluate_personal": printed(
                "evaluate", str(rankings), "--weights", str(one), "--json"
            ),
        }
        bundle.path.unlink()  # it lies beside, and would be carried twice
        store.backup(folder / "copy" / "clpips.sqlite")
        (store.settings.data_dir / "clpips.sqlite").unlink()
        for left in ("clpips.sqlite-wal", "clpips.sqlite-shm"):
            (store.settings.data_dir / left).unlink(missing_ok=True)
        (folder / "copy" / "clpips.sqlite").rename(store.settings.data_dir / "clpips.sqlite")
        data = store.settings.data_dir
        with zipfile.ZipFile(out / "study.zip") as archive:
            elsewhere = {Path(name).name for name in archive.namelist()}
        kept = [
            file
            for file in data.rglob("*")
            if file.is_file() and not (file.parts[-3] == "images" and file.name in elsewhere)
        ]
        zip_files(out / "data.zip", data, kept)
    (out / "expected.json").write_text(
        json.dumps(expected, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    if not Path("clpips/everyone.py").is_file():
        sys.exit("run this in a clone of dac14f9")
    make(Path(sys.argv[1]))
