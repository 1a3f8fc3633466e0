"""Serve the board's harness: ``streamlit run serve.py``."""

import asyncio
import sys
from pathlib import Path

import streamlit as st
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[3])]
import fake_api  # noqa: E402 - found only after the line above


def bearer(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


async def submit(request: Request) -> Response:
    body = await request.json()
    token = bearer(request)
    each = fake_api.ROUNDS[body["round"]]
    faults = fake_api.FAULTS.get(token, [])
    fault = faults.pop(0) if faults else ""
    if fault == "500":
        return Response("Internal Server Error", 500)
    if fault == "404":
        return HTMLResponse("<h1>Not here</h1>", 404)
    if fault == "json404":
        return JSONResponse({"error": "no such page"}, 404)
    if fault == "replaced":
        return JSONResponse({"error": "This link was replaced by a newer one."}, 401)
    if fault == "full":
        again = {"Retry-After": "2"}
        return JSONResponse({"error": "The server's disk is full."}, 503, headers=again)
    if fault == "reject":
        return JSONResponse({"error": "this study is closed", "rejected": True}, 409)
    if fault == "slow":
        await asyncio.sleep(0.7)
    if fault == "conflict" and each.ranking is None:
        order = [c["id"] for c in each.candidates]
        first = {"uuid": "of-another-tab", "round": each.id, "order": order, "replaces": None}
        fake_api.submit(each, {**first, "ranks": body["ranks"]})
    status, answer = fake_api.submit(each, body)
    if fault == "drop":  # stored, but the answer never arrives
        return Response(b"{", headers={"content-length": "400"})
    return JSONResponse(answer, status)


async def read_round(request: Request) -> Response:
    return JSONResponse(fake_api.round_json(fake_api.ROUNDS[request.path_params["id"]]))


async def cancel(request: Request) -> Response:
    each = fake_api.ROUNDS[request.path_params["id"]]
    each.state = "cancelled"
    return JSONResponse(fake_api.round_json(each))


async def image(request: Request) -> Response:
    return Response(fake_api.PICTURES[request.path_params["name"]], media_type="image/png")


async def faults(request: Request) -> Response:
    fake_api.FAULTS.update(await request.json())
    return JSONResponse({})


async def rounds(request: Request) -> Response:
    """What arrived from one participant, for the tests to look at."""
    mine = fake_api.rounds_of(request.path_params["who"])
    return JSONResponse([{**vars(each)} for each in mine])


app = st.App(
    Path(__file__).parent / "page.py",
    routes=[
        Route("/api/submit", submit, methods=["POST"]),
        Route("/api/round/{id:int}", read_round),
        Route("/api/round/{id:int}/cancel", cancel, methods=["POST"]),
        Route("/img/{name}.png", image),
        Route("/harness/faults", faults, methods=["POST"]),
        Route("/harness/rounds/{who}", rounds),
    ],
)
