"""The backdrops that can be drawn."""
