"""The researcher's screens: read state, call one function, draw."""
