"""What is answered instead of what was asked for, as JSON."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from limelight.errors import LimelightError
from limelight.web.answering import Refusal

_log = logging.getLogger(__name__)


def add_handlers(app: FastAPI) -> None:
    """Let `app` answer every error as JSON."""
    app.add_exception_handler(LimelightError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unknown)
    app.add_exception_handler(Exception, _failed)


def refusal_answer(refusal: Refusal) -> JSONResponse:
    """A refusal as JSON, which is an ASGI application."""
    headers = {"cache-control": "no-store"}
    if refusal.retry_after is not None:
        headers["retry-after"] = str(refusal.retry_after)
    if refusal.status in (408, 413):
        headers["connection"] = "close"  # the rest of the body is not read
    return JSONResponse(_error(type(refusal).__name__, str(refusal)), refusal.status, headers)


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"error": {"type": kind, "message": message}}


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, Refusal):
        return refusal_answer(error)
    return JSONResponse(_error(type(error).__name__, str(error)), 422)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"][1:])
    return JSONResponse(_error("BadRequest", f"{place or 'the body'}: {first['msg']}"), 422)


async def _unknown(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, Refusal):  # FastAPI wraps what the body's reading raises
        return refusal_answer(error.__cause__)
    return JSONResponse(_error("HTTPError", str(error.detail)), error.status_code)


async def _failed(request: Request, error: Exception) -> Response:
    _log.error("a request failed", exc_info=error)
    return JSONResponse(_error("ServerError", "the server failed; its terminal says why"), 500)
