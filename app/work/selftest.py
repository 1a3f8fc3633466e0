"""The job ``selftest``: known answers, computed by this machine's worker and compared."""

from __future__ import annotations

from typing import Any

import torch

from app.store import Store
from app.work.plain import plain
from app.work.vectors import THREADS
from clpips.selftest import selftest
from clpips.types import Job
from clpips.watch import Watch


def run(store: Store, job: Job, watch: Watch) -> dict[str, Any]:
    """Make every check; a failed one is part of the result, not of the job.

    Returns:
        what :meth:`clpips.selftest.SelfTest.to_dict` says.

    Raises:
        Cancelled: somebody asked to stop.
    """
    torch.set_num_threads(THREADS)
    return dict(plain(selftest(watch=watch).to_dict()))
