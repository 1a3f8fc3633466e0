"""Files that ship with the project are found as real folders."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from clpips.errors import ClpipsError
from clpips.io import resources

ROOT = Path(__file__).parents[2]


def test_a_checkout_has_them_beside_the_package() -> None:
    assert resources.targets_folder() == ROOT / "data" / "targets"
    assert resources.tiny_model_folder() == ROOT / "data" / "models" / "tiny"
    assert resources.app_root() == ROOT
    assert resources.package_folder("app.components") == ROOT / "app" / "components"


def test_a_wheel_has_them_inside_the_package(tmp_path: Path, monkeypatch) -> None:
    for inside in ("_data", "_app"):
        (tmp_path / inside).mkdir()
    monkeypatch.setattr(resources, "package_folder", lambda package: tmp_path)
    assert resources.targets_folder() == tmp_path / "_data" / "targets"
    assert resources.app_root() == tmp_path / "_app"


def test_a_package_in_a_zip_file_is_refused_in_one_sentence(tmp_path: Path, monkeypatch) -> None:
    archive = tmp_path / "packed.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("packed_package/__init__.py", "")
    monkeypatch.syspath_prepend(archive)
    with pytest.raises(ClpipsError, match="packed_package must be installed unpacked"):
        resources.package_folder("packed_package")


def test_no_module_looks_for_files_relative_to_its_own() -> None:
    sources = [*ROOT.glob("clpips/**/*.py"), *ROOT.glob("app/**/*.py")]
    assert len(sources) > 100
    for source in sources:
        text = source.read_text(encoding="utf-8")
        assert "__file__" not in text and ".parents[" not in text, source


def test_finding_them_imports_no_torch() -> None:
    code = (
        "import sys, clpips.io.resources as r; r.targets_folder(); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
