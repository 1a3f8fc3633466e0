"""A study's own numbers, and the methods paragraph that reports them.

A number that is not known is left out of the sentence; none is invented. The same numbers
as a table: :mod:`clpips.export.latex`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from clpips.evaluation.metric_names import (
    IN_A_SENTENCE,
    PERSONAL,
    STOCK,
    UNFITTED,
    metric_name,
    space_name,
)
from clpips.export.decimals import column_digits
from clpips.stats.agreement import icc_note

Interval = tuple[float, float]
UNFITTED_NAMES = (STOCK, UNFITTED)

PROTOCOL = (
    "Agreement is held out: the rankings of each target were scored by weights that were fitted "
    "without that target, and stock LPIPS was scored on the same rankings"
)
SOLVER = (
    "The network stayed frozen; its non-negative layer-combination weights were fitted as one "
    "convex problem: a margin ranking loss over the comparisons of each ranking, shrunk towards "
    "the weights that the fit starts from"
)


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric's held-out agreement; what is not known is ``None``.

    Args:
        name: as :mod:`clpips.evaluation.metric_names` has it.
        spearman: mean Spearman of rankings, in [-1, 1]; 1 is agreement.
        spearman_ci: its 95 % interval.
        icc: intraclass correlation, of the form that the study names.
        pairwise_accuracy: share of comparisons ordered as the person did, in [0, 1].
    """

    name: str
    spearman: float | None = None
    spearman_ci: Interval | None = None
    icc: float | None = None
    pairwise_accuracy: float | None = None


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One participant: what each metric reached, and the gain of the personal over stock."""

    name: str
    n_rankings: int | None = None
    stock: float | None = None
    pooled: float | None = None
    personal: float | None = None
    gain: float | None = None
    gain_ci: Interval | None = None
    p: float | None = None


@dataclass(frozen=True, slots=True)
class StudyNumbers:
    """All numbers for the paragraph and the table; ``None`` where it is not known.

    Args:
        rows: the metrics over all participants, in the order of the table.
        people: each participant; a table of them is made from two on.
        title: the study's, for the caption.
        participants, simulated: how many, and how many of those were simulated.
        targets, rankings, comparisons: how many.
        images_per_ranking: the fewest and the most images in one ranking.
        backbone: the frozen network or feature space.
        n_weights: how many weights were fitted.
        solver, protocol: one sentence each, without its full stop.
        interval_of: what the intervals were taken over, for example ``rankings``.
        icc_form: for example ``ICC(A,1)``.
        gain, gain_ci: mean of personal − stock Spearman, and its 95 % interval.
        p: of the gain; ``p_test`` names the test, ``p_correction`` how it was corrected for
            being one of several.
        noise_ceiling, noise_ceiling_ci: Spearman that no metric can be expected to pass.
    """

    rows: tuple[MetricRow, ...] = ()
    people: tuple[PersonRow, ...] = ()
    title: str | None = None
    participants: int | None = None
    simulated: int | None = None
    targets: int | None = None
    rankings: int | None = None
    comparisons: int | None = None
    images_per_ranking: tuple[int, int] | None = None
    backbone: str | None = None
    n_weights: int | None = None
    solver: str = SOLVER
    protocol: str = PROTOCOL
    interval_of: str | None = None
    icc_form: str | None = None
    gain: float | None = None
    gain_ci: Interval | None = None
    p: float | None = None
    p_test: str | None = None
    p_correction: str | None = None
    noise_ceiling: float | None = None
    noise_ceiling_ci: Interval | None = None

    @property
    def digits(self) -> int:
        """Decimals of every Spearman correlation: as many as show each gain over stock."""
        sides = [one.spearman for one in self.rows if one.name in (*UNFITTED_NAMES, PERSONAL)]
        mean = [(sides[0], sides[1], self.gain)] if len(sides) == 2 else []
        return column_digits([*mean, *((one.stock, one.personal, one.gain) for one in self.people)])

    @property
    def unfitted(self) -> str:
        """What the unfitted metric is called."""
        return metric_name("stock", self.backbone)


def methods_paragraph(numbers: StudyNumbers) -> str:
    """One paragraph of plain text: who ranked what, how the weights were fitted, what came out."""
    parts = (_people, _ranked, _fitted, _spearman, _gain, _icc, _ceiling)
    sentences = [part(numbers) for part in parts]
    return " ".join(f"{sentence}." for sentence in sentences if sentence) + "\n"


def _people(numbers: StudyNumbers) -> str:
    if numbers.participants is None:
        return ""
    text = counted(numbers.participants, "participant") + " ranked images"
    if numbers.simulated == numbers.participants:
        text = counted(numbers.participants, "simulated participant") + " ranked images"
    elif numbers.simulated:
        text += f", {numbers.simulated} of them simulated,"
    text += " by how near they look to a target"
    return text + (f" ({counted(numbers.targets, 'target')})" if numbers.targets else "")


def _ranked(numbers: StudyNumbers) -> str:
    if not numbers.rankings:
        return ""
    text = f"This gave {counted(numbers.rankings, 'ranking')}"
    if numbers.images_per_ranking:
        fewest, most = numbers.images_per_ranking
        text += f" of {fewest if fewest == most else f'{fewest} to {most}'} images"
    if numbers.comparisons:
        text += f" and {counted(numbers.comparisons, 'comparison')} (ties make none)"
    return text


def _fitted(numbers: StudyNumbers) -> str:
    base = "We refitted LPIPS v0.1"
    if numbers.backbone:
        features = space_name(numbers.backbone).removesuffix(" features")
        base += f" on {features} features"
        if numbers.n_weights:
            base += f" ({numbers.n_weights:,} weights)"
    protocol = numbers.protocol.replace(IN_A_SENTENCE[STOCK], IN_A_SENTENCE[numbers.unfitted])
    return f"{base} to each participant’s rankings. {numbers.solver}. {protocol}"


def _spearman(numbers: StudyNumbers) -> str:
    known = [row for row in numbers.rows if row.spearman is not None]
    if not known:
        return ""
    digits = numbers.digits
    values = _listed(
        [
            f"{number_text(row.spearman, digits)}{_ci(row.spearman_ci, digits)} for {_phrase(row)}"
            for row in known
        ]
    )
    who = "participants’"
    if numbers.simulated and numbers.simulated == numbers.participants:
        who = "simulated participants’"
    text = f"The mean Spearman correlation between {who} ranks and distances was {values}"
    has_interval = any(row.spearman_ci for row in known)
    if numbers.interval_of and has_interval:
        text += f"; intervals are bootstrapped over {numbers.interval_of}"
    return text


def _gain(numbers: StudyNumbers) -> str:
    if numbers.gain is None:
        return ""
    other = IN_A_SENTENCE[numbers.unfitted]
    text = f"The personal metric differed from {other} by {number_text(numbers.gain, sign=True)}"
    text += _ci(numbers.gain_ci, sign=True)
    if numbers.p is not None:
        how = [numbers.p_test, f"{numbers.p_correction}-corrected" if numbers.p_correction else ""]
        text += f" ({', '.join([p_text(numbers.p), *filter(None, how)])})"
    known = [one.gain_ci for one in numbers.people if one.gain_ci is not None]
    if len(known) > 1:
        above = sum(low > 0 for low, _ in known)
        text += f"; its 95 % interval lay above zero for {above} of {len(known)} participants"
    return text


def _icc(numbers: StudyNumbers) -> str:
    known = [row for row in numbers.rows if row.icc is not None]
    if not known or not numbers.icc_form:
        return ""
    values = _listed([f"{number_text(row.icc)} for {_phrase(row)}" for row in known])
    between = "between the participant and the metric, on ranks within each ranking"
    note = icc_note((row.icc for row in known), numbers.icc_form).rstrip(".")
    return f"{numbers.icc_form} {between}, was {values}" + (f". {note}" if note else "")


def _ceiling(numbers: StudyNumbers) -> str:
    if numbers.noise_ceiling is None:
        return ""
    ends = _ci(numbers.noise_ceiling_ci)
    return f"The noise ceiling of these rankings was {number_text(numbers.noise_ceiling)}{ends}"


def counted(number: int, word: str) -> str:
    """A number with its word: ``1 ranking``, ``1,200 rankings``."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def number_text(value: float | None, digits: int = 2, *, sign: bool = False) -> str:
    """So many decimals with a real minus sign; nothing where there is no number."""
    if value is None:
        return ""
    text = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    text = text if float(text) else f"{0:.{digits}f}"
    return text.replace("-", "−")


def _ci(ends: Interval | None, digits: int = 2, *, sign: bool = False) -> str:
    if ends is None:
        return ""
    low, high = (number_text(end, digits, sign=sign) for end in ends)
    return f" (95 % interval {low} to {high})"


def p_text(value: float, *, bare: bool = False) -> str:
    """``p = 0.012`` or ``p < 0.001``; ``bare`` leaves the letter and the equals sign out."""
    if value < 0.001:
        return "< 0.001" if bare else "p < 0.001"
    return f"{value:.3f}" if bare else f"p = {value:.3f}"


def _phrase(row: MetricRow) -> str:
    return IN_A_SENTENCE.get(row.name, row.name)


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
