"""Which rankings a fit uses, and the metrics learnt from them so far."""
