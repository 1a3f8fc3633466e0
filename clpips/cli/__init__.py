"""The ``clpips`` commands, one file each; :mod:`clpips.__main__` lists them."""
