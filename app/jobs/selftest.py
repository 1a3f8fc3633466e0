"""The job ``selftest``: compute known answers with this machine's worker and compare them."""

from __future__ import annotations

from typing import Any

import torch

from app.jobs.json_values import to_json
from app.jobs.vectors import THREADS
from app.store import Store
from app.study.types import Job
from clpips.progress import Watch
from clpips.selftest.runner import selftest


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Run every check; a failed check is part of the result and does not fail the job.

    Returns:
        what :meth:`clpips.selftest.runner.SelfTest.to_dict` says.

    Raises:
        Cancelled: the job was cancelled.
    """
    torch.set_num_threads(THREADS)
    return dict(to_json(selftest(watch=watch).to_dict()))
