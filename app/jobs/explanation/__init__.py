"""The parts of the job ``explain``."""
