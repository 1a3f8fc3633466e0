"""``clpips-app``: start the study platform that a wheel carries, or that of a checkout.

The platform's package is called ``app``. So general a name must not be importable in other
people's programs: a wheel keeps it in a folder of its own, which this command alone puts on the
path. The platform adds the folder to the path of the processes that it starts.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from clpips.errors import ClpipsError
from clpips.extras import install_command
from clpips.io.resources import app_root
from clpips.version import __version__

PACKAGES = ("altair", "argon2", "sqlite_utils", "starlette", "streamlit")
DEFAULT_DATA = Path("data/local")
_SETTINGS = """settings come from the environment:
  CLPIPS_DATA                 folder of all study data (default: ./data/local)
  PORT                        port to answer on (default: 8501)
  CLPIPS_ADDRESS              address to answer on (default: 127.0.0.1, this machine only)
  CLPIPS_RESEARCHER_PASSWORD  sets the researcher's password at the first start
  CLPIPS_PROXIES              addresses of proxies whose X-Forwarded-For is believed
  CLPIPS_WEIGHTS              folder to look for network weights in first
  CLPIPS_DEMO                 0: make no demo studies at the first start
  CLPIPS_WORKERS              how many workers make images and do jobs (default: 1)"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the app until it is stopped; the exit status, 2 where packages are missing."""
    parser = argparse.ArgumentParser(
        prog="clpips-app",
        description="Start the study platform: the web process and its worker.",
        epilog=_SETTINGS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"clpips {__version__}")
    parser.parse_args(arguments)
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        print(
            f"clpips-app: not installed: {', '.join(missing)}; "
            f"install them with: {install_command('app')}",
            file=sys.stderr,
        )
        return 2
    try:
        root = app_root()
    except ClpipsError as error:
        print(f"clpips-app: {error}", file=sys.stderr)
        return 2
    sys.path.insert(0, str(root))
    # By default the app writes beside its own code, which is right in a checkout alone.
    if not os.environ.get("CLPIPS_DATA"):
        os.environ["CLPIPS_DATA"] = str(DEFAULT_DATA.absolute())
    runpy.run_module("app", run_name="__main__", alter_sys=True)
    return 0
