"""The job ``simulate``: fill a study with simulated participants, then fit their metrics."""

from __future__ import annotations

from typing import Any

from app.simulation import fill
from app.store import Store
from clpips.types import Job
from clpips.watch import Watch


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Let the simulated participants do the study; ask for each one's fit and the pooled one.

    Returns:
        ``{"participants", "rankings"}``, how many there are now.

    Raises:
        StudyError: no such study, one for people, or one with targets that are no samples.
        WeightsError: the network's weights could not be had.
        Cancelled: somebody asked to stop; the next run goes on from there.
    """
    study = store.study(job.payload["study_id"])
    people = fill(store, study, watch)
    for scope in ("each", "pooled"):
        payload = {"study_id": study.id, "scope": scope, "participant_id": None}
        store.enqueue("fit", payload, study_id=study.id, key=f"fit:{study.id}:{scope}:None")
    return {"participants": len(people), "rankings": len(store.ranked_rounds(study.id))}
