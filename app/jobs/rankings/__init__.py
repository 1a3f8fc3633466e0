"""Which rankings count for a fit, and the metrics learnt from them so far."""
