"""``python -m clpips.generation.scenes``: draw the sample targets again into ``data/targets``."""

import sys

from clpips.generation.scenes.targets import rebuild

for target in rebuild():
    size = target.path.stat().st_size // 1000
    sys.stdout.write(f"{target.name}  {size} kB  {target.sha256[:12]}\n")
