"""The files of a benchmark: document, values, tables and page."""

from __future__ import annotations

import json
from pathlib import Path

from clpips.bench.page import html_page
from clpips.bench.report import ROW, BenchReport
from clpips.bench.tables import latex, markdown
from clpips.io.atomic_files import write_files
from clpips.io.csv_files import csv_bytes
from clpips.progress import Watch


def write_report(report: BenchReport, out: Path, watch: Watch) -> None:
    """Write ``report.json``, ``samples.csv``, ``table.md``, ``table.tex``, ``report.html``.

    All are written, or none.

    Raises:
        OSError: the folder cannot be written.
        Cancelled: the caller cancelled.
    """
    document = json.dumps(report.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)
    write_files(
        {
            out / "report.json": document.encode(),
            out / "samples.csv": csv_bytes((*ROW, *report.metrics), report.rows(), bom=False),
            out / "table.md": markdown(report).encode(),
            out / "table.tex": latex(report).encode(),
            out / "report.html": html_page(report, watch).encode(),
        }
    )
