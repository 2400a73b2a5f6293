"""The JSON interface answers as its own description says, whatever is sent: schemathesis makes up the requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from bias.detector import Detector
from bias.reading import read_text
from bias.review.app import create_app
from bias.review.desk import Desk
from bias.review.guard import Guard
from bias.review.store import Store

schemathesis = pytest.importorskip("schemathesis")

ARTICLE = "The reckless council voted on Monday. It rained."


@pytest.fixture(scope="module")
def described(tiny_detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with Store(tmp_path_factory.mktemp("openapi") / "labels.jsonl") as store:
        desk = Desk(tiny_detector, store, "ana", [read_text(ARTICLE)])
        yield schemathesis.openapi.from_asgi("/openapi.json", Guard(create_app(desk), ("testserver",), "", 100_000))


schema = schemathesis.pytest.from_fixture("described")

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


@schema.parametrize()
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_answers_are_as_described(case: Any) -> None:
    case.call_and_validate(checks=CHECKS)
