"""The parts of the job ``compare``."""
