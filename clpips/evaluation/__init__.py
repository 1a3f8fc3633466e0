"""Evaluation of a fit: held-out agreement, baselines, noise ceilings, verdicts."""
