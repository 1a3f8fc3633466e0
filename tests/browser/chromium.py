"""Where the browser tests' Chromium is; run as a program, it installs one if there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find() -> str | None:
    """The path of a Chromium: ``$CHROMIUM``, one on the PATH, or Playwright's own."""
    stated = os.environ.get("CHROMIUM")
    if stated:
        return stated
    on_path = next((path for name in NAMES if (path := shutil.which(name))), None)
    if on_path:
        return on_path
    own = Path.home() / ".cache" / "ms-playwright"
    return next((str(path) for path in sorted(own.glob("chromium-*/chrome-linux*/chrome"))), None)


def install() -> None:
    """Debian's package where we may, else Playwright's build."""
    if shutil.which("apt-get") and os.geteuid() == 0:
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        done = subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=False)
        if done.returncode == 0:
            return
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)


def main() -> int:
    if find() is None:
        install()
    found = find()
    if found is None:
        print("No Chromium: install one, or set CHROMIUM to its path.", file=sys.stderr)
        return 1
    print(f"Chromium: {found}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
