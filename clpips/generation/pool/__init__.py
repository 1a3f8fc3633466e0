"""The maker ``pool:<folder or .zip>``: candidates from images that were made elsewhere."""

from clpips.generation.pool.maker import PoolMaker, opened
from clpips.generation.pool.reading import Pool, PoolImage, read_pool
from clpips.makers import NO_PROMPT

__all__ = ["NO_PROMPT", "Pool", "PoolImage", "PoolMaker", "opened", "read_pool"]
