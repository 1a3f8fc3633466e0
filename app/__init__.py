"""The study platform."""
