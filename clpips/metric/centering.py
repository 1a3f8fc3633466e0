"""Difference vectors that are compared with one another, without what they have in common.

Only gaps between the images of one ranking count in a fit. They are small beside the vectors
where candidates are nearly alike, and single precision would lose them. So from every vector the
mean of its group is taken away: the vectors that rankings link to it. A ranking that shares no
image with another is a group of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from clpips.errors import InputError
from clpips.features.lpips import Vectors
from clpips.metric.observations import Observation, Rows

ROWS_AT_ONCE = 4096


def centred(observations: Sequence[Observation]) -> tuple[Vectors, Rows]:
    """The difference vectors of some observations, each once, less the mean of its group.

    Returns:
        table: (rows, channels), a copy.
        rows: (images,) the row of each ranked image, observations one after the other.

    Raises:
        InputError: no observation.
    """
    if not observations:
        raise InputError("a fit needs at least one ranking, got none")
    tables = {id(each.table): each.table for each in observations}
    ends = np.cumsum([len(each) for each in tables.values()])
    start = dict(zip(tables, [0, *ends[:-1]], strict=True))
    named = np.concatenate([each.rows + start[id(each.table)] for each in observations])
    used, first, place = np.unique(named, return_index=True, return_inverse=True)
    new = np.empty(len(used), np.intp)  # in the order in which rankings name them
    new[np.argsort(first)] = np.arange(len(used))
    rows: Rows = new[place]
    group = _groups(rows, [len(each.rows) for each in observations])
    table = np.empty((len(used), observations[0].table.shape[1]))
    cuts = np.searchsorted(used, [0, *ends])
    for low, high, begin, values in zip(
        cuts[:-1], cuts[1:], start.values(), tables.values(), strict=True
    ):
        table[new[low:high]] = values[used[low:high] - begin]
    _take_means_away(table, group)
    return table, rows


def _groups(rows: Rows, lengths: Sequence[int]) -> Rows:
    """(rows of the table,) which group each belongs to: those that rankings link."""
    owner = np.repeat(np.arange(len(lengths)), lengths)
    count = int(rows.max()) + 1
    size = count + len(lengths)
    links = sparse.coo_matrix((np.ones(len(rows)), (rows, count + owner)), shape=(size, size))
    _, label = csgraph.connected_components(links, directed=False)
    return np.asarray(label[:count], dtype=np.intp)


def _take_means_away(table: Vectors, group: Rows) -> None:
    """In place, some whole groups at a time."""
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    ends = np.append(starts[1:], len(order))
    first = 0
    while first < len(starts):
        last = int(np.searchsorted(ends, starts[first] + ROWS_AT_ONCE, side="right"))
        last = max(last, first + 1)
        its = order[starts[first] : ends[last - 1]]
        sizes = (ends - starts)[first:last]
        values = table[its]
        means = np.add.reduceat(values, starts[first:last] - starts[first], axis=0)
        means /= sizes[:, None]
        table[its] = values - np.repeat(means, sizes, axis=0)
        first = last
