"""What a file field cannot tell the server: the browser keeps back files over the size limit."""

from __future__ import annotations

import streamlit as st


def too_large(limit_mb: int | None = None) -> str:
    """A sentence beside a file field about files over its limit, which the server never sees.

    Args:
        limit_mb: the field's own limit; ``None`` for the server's.
    """
    limit = limit_mb or int(st.get_option("server.maxUploadSize"))
    return (
        f"A file over {limit:,} MB is not sent: the field marks it in red, and the form goes on "
        "without it."
    )
