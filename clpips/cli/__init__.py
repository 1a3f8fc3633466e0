"""What each ``clpips`` command does, one file a command; :mod:`clpips.__main__` lists them."""
