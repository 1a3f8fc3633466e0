"""The web process: Streamlit's pages, our own HTTP routes, and what happens at start-up.

Run by ``streamlit run app/serve.py``. It never imports torch: generation, difference vectors,
fits and exports are the worker's.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware

from app.demo import prepare as prepare_demo
from app.http import ROUTES
from app.http.loopback_only import LoopbackHosts
from app.http.passwords import check_password_is_set
from app.http.security_headers import SecurityHeaders
from app.http.streamlit_endpoints import StreamlitEndpoints
from app.session import sentence
from app.store import StoreUnavailable, open_store
from clpips.io.resources import package_folder

log = logging.getLogger(__name__)


def prepare() -> None:
    """Bring the data folder up to date and put the demo studies in it."""
    store = open_store()
    check_password_is_set(store)
    try:
        prepare_demo(store)
    except StoreUnavailable as reason:  # what is there can be read all the same
        log.warning("the demo studies could not be prepared: %s", reason)


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncIterator[None]:
    """Prepare the data, then set aside what was loaded so far: each later collection is short."""
    await run_in_threadpool(prepare)
    gc.collect()
    gc.freeze()
    yield


def on_script_error(error: Exception) -> bool:
    """Log an error of a page and show a calm sentence instead of it."""
    log.error("a page failed", exc_info=error)
    if isinstance(error, StoreUnavailable):
        st.warning(f"{sentence(error)} What was saved is safe. Please reload the page in a minute.")
        return True
    st.error(
        "Something went wrong on this page. Nothing that was saved is lost. "
        "Please reload the page; if it stays like this, tell the researcher."
    )
    return True


app = st.App(
    package_folder("app") / "main.py",
    routes=ROUTES,
    lifespan=lifespan,
    middleware=[
        Middleware(SecurityHeaders),
        Middleware(LoopbackHosts),
        Middleware(StreamlitEndpoints),
    ],
    on_script_error=on_script_error,
)
