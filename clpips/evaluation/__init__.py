"""What may be claimed of a fit: held-out agreement, baselines, ceilings, verdicts."""
