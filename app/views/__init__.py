"""Screens: read state, call one function, draw."""
