"""The job ``selftest``: known answers, computed by this machine's worker and compared."""

from __future__ import annotations

from typing import Any

import torch

from app.jobs.json_values import plain
from app.jobs.vectors import THREADS
from app.store import Store
from app.study.types import Job
from clpips.progress import Watch
from clpips.selftest.runner import selftest


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Make every check; a failed one is part of the result, not of the job.

    Returns:
        what :meth:`clpips.selftest.runner.SelfTest.to_dict` says.

    Raises:
        Cancelled: somebody asked to stop.
    """
    torch.set_num_threads(THREADS)
    return dict(plain(selftest(watch=watch).to_dict()))
