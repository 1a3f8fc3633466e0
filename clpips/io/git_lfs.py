"""Git LFS pointers: small text files in place of large ones that have not been fetched."""

from __future__ import annotations

LFS = "a Git LFS pointer without the file"


def is_lfs_pointer(start: bytes) -> bool:
    """Whether a file that begins with these bytes is a pointer."""
    return start.startswith(b"version https://git-lfs")
