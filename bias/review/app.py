"""The JSON interface of the review, and the page that uses it; the page can do nothing that others cannot do here.

POST /v1/score      a text in, its report out, with what the reviewer said of it before
GET  /v1/articles   the queue with its progress; POST adds an article without scoring it yet
GET  /v1/articles/ID   one of it, as /v1/score gives it
POST /v1/labels     verdicts on sentences, saved when the answer comes; GET gives all that stand
GET  /v1/export     labelled sentences for `bias train`, JSON lines
GET  /health        what is running

The description for programs is at /openapi.json.
"""

from __future__ import annotations

import json
from dataclasses import replace
from importlib import resources
from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse

from bias import __version__
from bias.errors import BiasError, DataError, InputError, OutputError
from bias.reading import read_bytes
from bias.reporting.html import render_fragment
from bias.review.corrections import Decision, decision_on, latest, to_examples
from bias.review.desk import Desk, NotOnDeskError, TooSlowError
from bias.review.guard import INTERNAL
from bias.review.messages import Given, Health, Item, Model, Problem, Saved, Shown, Text, Verdict, given, item
from bias.review.turns import BusyError
from bias.types import Article

STATIC = {
    "review.css": "text/css; charset=utf-8",
    "main.js": "text/javascript; charset=utf-8",
    "api.js": "text/javascript; charset=utf-8",
    "article.js": "text/javascript; charset=utf-8",
    "files.js": "text/javascript; charset=utf-8",
    "offsets.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""The files of the page, and what they are."""


PROBLEMS = {
    400: "no article that can be read",
    401: "no token",
    403: "asked by another page",
    404: "no such article is on the desk",
    408: "it took too long to arrive",
    413: "too large",
    415: "no JSON",
    421: "another server was meant",
    422: "not as described here, or nothing that a verdict can be given on",
    500: "an internal error",
    503: "too much at a time (retry-after says when to come again), or too long to score",
    507: "it could not be saved",
}
"""The statuses of errors."""


def create_app(desk: Desk) -> FastAPI:
    """The application for a desk; `bias.review.guard.Guard` belongs in front of it."""
    app = FastAPI(
        title="newsbias review",
        version=__version__,
        summary="Reports of articles, and a reviewer's verdicts on their sentences. Nothing leaves this machine.",
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        responses={status: {"model": Problem, "description": why} for status, why in PROBLEMS.items()},
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    _add_errors(app)
    _add_page(app)

    @app.get("/health")
    def health() -> Health:
        model = desk.detector.model.info
        return Health(
            version=__version__,
            model=Model(name=model.name, version=model.version, sha256=model.sha256),
            reviewer=desk.reviewer,
            labels=desk.store.path.name,
            verdicts=len(latest(desk.store.corrections)),
        )

    @app.post("/v1/score")
    def score(body: Text) -> Shown:
        return _shown(desk, desk.add(_article(body)))

    @app.get("/v1/articles")
    def articles() -> list[Item]:
        return [item(progress) for progress in desk.progress()]

    @app.post("/v1/articles")
    def add(body: Text) -> Item:
        return item(desk.progress_of(desk.add(_article(body))))

    @app.get("/v1/articles/{article}")
    def article(
        article: str,
        threshold: Annotated[float | None, Query(ge=0, le=1)] = None,
        sentence: Annotated[int | None, Query(ge=0, description="Show this one alone.")] = None,
    ) -> Shown:
        return _shown(desk, article, threshold, sentence)

    @app.post("/v1/labels")
    def judge(body: Verdict) -> Saved:
        if body.action == "take_back":
            made = desk.take_back(body.article, body.sentences)
        elif body.action == "label" and body.label is None:
            raise DataError("say which label: neutral or opinionated")
        else:
            label = body.label if body.action == "label" else None
            spans = None if body.spans is None else [(start, end) for start, end in body.spans]
            made = desk.judge(body.article, body.sentences, label, spans, body.threshold)
        return Saved(saved=[given(correction, correction.decision) for correction in made])

    @app.get("/v1/labels")
    def labels() -> list[Given]:
        return [given(correction, correction.decision) for correction in latest(desk.store.corrections)]

    @app.get("/v1/export", response_class=Response, responses={200: {"content": {"application/x-ndjson": {}}}})
    def export() -> Response:
        rows = to_examples(desk.store.corrections)
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        headers = {"content-disposition": 'attachment; filename="reviewed.jsonl"'}
        return Response(text, media_type="application/x-ndjson", headers=headers)

    return app


def _article(body: Text) -> Article:
    article = read_bytes(body.text.encode("utf-8"), body.source)
    return replace(article, title=body.title) if body.title else article


def _shown(desk: Desk, key: str, threshold: float | None = None, sentence: int | None = None) -> Shown:
    report, verdicts = desk.report(key, threshold), desk.verdicts(key)
    if sentence is not None:
        report = replace(report, sentences=report.sentences[sentence : sentence + 1])
    decisions: dict[int, Decision] = {}
    messages = []
    for result in report.sentences:
        if verdict := verdicts.get(result.sentence.index):
            decision = decision_on(report, result, verdict)
            messages.append(given(verdict, decision))
            if decision is not None:
                decisions[verdict.index] = decision
    return Shown(id=key, report=report.to_dict(), html=render_fragment(report, marks=decisions), verdicts=messages)


def _add_page(app: FastAPI) -> None:
    static = resources.files("bias.review") / "static"

    @app.get("/", include_in_schema=False)
    def page() -> HTMLResponse:
        return HTMLResponse((static / "index.html").read_text("utf-8"))

    @app.get("/static/{name}", include_in_schema=False)
    def file(name: str) -> Response:
        if name not in STATIC:
            return JSONResponse({"detail": f"there is no {name}"}, 404)
        return Response((static / name).read_bytes(), media_type=STATIC[name])


def _add_errors(app: FastAPI) -> None:
    """Every error is one line under `detail`."""

    @app.exception_handler(BiasError)
    async def fault(_: Request, error: Exception) -> JSONResponse:
        headers = {"retry-after": "5"} if isinstance(error, BusyError) else None
        return JSONResponse({"detail": str(error)}, _status(error), headers)

    @app.exception_handler(Exception)  # raised again once it is answered: the guard notes where it was
    async def internal(_: Request, error: Exception) -> JSONResponse:
        return JSONResponse({"detail": INTERNAL}, 500)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        return JSONResponse({"detail": f"{place}: {first['msg']}" if place else first["msg"]}, 422)


def _status(error: Exception) -> int:
    match error:
        case NotOnDeskError():
            return 404
        case InputError():
            return 400
        case TooSlowError() | BusyError():
            return 503
        case OutputError():
            return 507
    return 422
