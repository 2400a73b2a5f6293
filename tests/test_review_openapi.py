"""The JSON interface answers as its own description says, whatever is sent: schemathesis makes up the requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings

from bias.detector import Detector
from bias.reading import read_text
from bias.review.app import create_app
from bias.review.desk import Desk
from bias.review.guard import Guard
from bias.review.store import Store

schemathesis = pytest.importorskip("schemathesis")

EXAMPLES = 60
"""Requests that are made up for each operation."""

ARTICLE = "The reckless council voted on Monday. It rained."


@pytest.fixture(scope="module")
def described(tiny_detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with Store(tmp_path_factory.mktemp("openapi") / "labels.jsonl") as store:
        desk = Desk(tiny_detector, store, "ana", [read_text(ARTICLE)])
        yield schemathesis.openapi.from_asgi("/openapi.json", Guard(create_app(desk), ("testserver",), "", 100_000))


CHECKS = [
    getattr(schemathesis.checks, name)
    for name in (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
    )
]
"""What holds of every answer. That all data of the right shape are taken is not promised: a text may be blank."""


OPERATIONS = [
    (method, path)
    for path, methods in create_app(cast(Desk, None)).openapi()["paths"].items()  # nothing is asked of the desk
    for method in methods
]


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda value: str(value).strip("/"))
def test_answers_are_as_described(described: Any, method: str, path: str) -> None:
    operation = described[path][method]

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy() | operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE))
    def ask(case: Any) -> None:
        case.call_and_validate(checks=CHECKS)

    ask()
