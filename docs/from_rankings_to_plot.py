"""From a rankings file to a plot: held-out agreement of stock LPIPS and of each personal metric.

    python docs/from_rankings_to_plot.py [RANKINGS] [--out agreement.png] [--backbone alex]

Without arguments it uses the two simulated people of ``data/example/rankings.csv``. For each
participant it leaves out one target at a time, fits a personal metric to the rankings of the
others, and compares its order of the left-out candidates with the participant's own.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from clpips import CLPIPS, HeldOut, held_out, read_rankings

EXAMPLE = Path(__file__).parents[1] / "data" / "example" / "rankings.csv"
STOCK, PERSONAL = "tab:gray", "tab:blue"


def agreement_of_each(rankings_file: Path, backbone: str) -> dict[str, HeldOut]:
    """Each participant's held-out agreement, with their own rankings alone."""
    rankings = read_rankings(rankings_file)
    people = sorted({ranking.participant for ranking in rankings})
    return {
        person: held_out(CLPIPS(backbone), [one for one in rankings if one.participant == person])
        for person in people
    }


def plot(results: Mapping[str, HeldOut], path: Path) -> None:
    """One line for each participant: stock and personal Spearman with their 95 % intervals."""
    figure = Figure(figsize=(7, 1.6 + 0.7 * len(results)), layout="constrained")
    axes = figure.subplots()
    for row, result in enumerate(results.values()):
        for agreement, offset, colour in (
            (result.stock, -0.12, STOCK),
            (result.personal, 0.12, PERSONAL),
        ):
            axes.plot(agreement.spearman, row + offset, "o", color=colour)
            if agreement.spearman_ci is not None:
                axes.hlines(row + offset, *agreement.spearman_ci, color=colour, alpha=0.5)
    axes.plot([], [], "o", color=STOCK, label="stock LPIPS")
    axes.plot([], [], "o", color=PERSONAL, label="personal metric")
    axes.set(xlim=(-1, 1.05), xlabel="Spearman on held-out targets (95 % interval)")
    axes.set_yticks(range(len(results)), list(results))
    axes.set_ylim(len(results) - 0.5, -0.5)
    axes.axvline(0, color="lightgray", zorder=0)
    figure.legend(loc="outside upper center", ncols=2, frameon=False)
    figure.savefig(path, dpi=150)


def main(arguments: list[str] | None = None) -> None:
    """Read, fit, evaluate, plot; print one sentence for each participant."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("rankings", nargs="?", type=Path, default=EXAMPLE)
    parser.add_argument("--out", type=Path, default=Path("agreement.png"))
    parser.add_argument("--backbone", default="alex")
    options = parser.parse_args(arguments)
    results = agreement_of_each(options.rankings, options.backbone)
    for person, result in results.items():
        print(f"{person}: {result.sentence}")
    plot(results, options.out)
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
