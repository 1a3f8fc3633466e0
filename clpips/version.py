"""The version of library and app: the one place that states it."""

__version__ = "0.1.0"
