"""The benchmark of personalised generation: one list of samples, one scorer for every method."""
