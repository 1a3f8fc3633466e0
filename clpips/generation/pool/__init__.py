"""The maker ``pool:<folder or .zip>``: candidates from images that were made elsewhere."""

from clpips.generation.names import NO_PROMPT
from clpips.generation.pool.index import Pool, PoolImage, read_pool
from clpips.generation.pool.maker import PoolMaker, opened

__all__ = ["NO_PROMPT", "Pool", "PoolImage", "PoolMaker", "opened", "read_pool"]
