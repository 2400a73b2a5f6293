"""The JSON interface: what goes in and out, what is refused, and what it describes of itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bias.detector import Detector
from bias.errors import OutputError
from bias.reading import read_text
from bias.types import Article

pytest.importorskip("fastapi")

from fastapi.testclient import TestClient

from bias.review import desk as desks
from bias.review.app import create_app
from bias.review.desk import Desk, Settings
from bias.review.store import Store, read_corrections

STORY = (
    "The reckless council voted on Monday.\n\n"
    'The "shameless, greedy" plan, the mayor said, would hand her friends a pier. '
    "Voters queued in the rain."
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "labels.jsonl") as opened:
        yield opened


@pytest.fixture
def desk(tiny_detector: Detector, store: Store) -> Desk:
    queue = [Article(STORY, "story.txt", "A vote"), Article(STORY, "copy.txt"), Article("Rain fell.", "rain.txt")]
    return Desk(tiny_detector, store, "ana", queue)


@pytest.fixture
def client(desk: Desk) -> TestClient:
    return TestClient(create_app(desk))


def first(client: TestClient) -> str:
    return client.get("/v1/articles").json()[0]["id"]


def judge(client: TestClient, article: str, **values: Any) -> Any:
    return client.post("/v1/labels", json={"article": article, "sentences": [0], "action": "label", **values})


def test_the_queue_holds_each_text_once_and_tells_progress(client: TestClient) -> None:
    items = client.get("/v1/articles").json()
    assert [(item["source"], item["title"], item["sentences"]) for item in items] == [
        ("story.txt", "A vote", None),
        ("rain.txt", None, None),
    ]
    key = items[0]["id"]
    client.get(f"/v1/articles/{key}")
    judge(client, key, label="neutral")
    after = client.get("/v1/articles").json()[0]
    assert (after["sentences"], after["judged"]) == (3, 1)


def test_a_score_is_the_report_and_its_html(client: TestClient, tiny_detector: Detector) -> None:
    shown = client.post("/v1/score", json={"text": STORY, "title": "News"}).json()
    expected = tiny_detector.score(read_text(STORY, "pasted text")).to_dict()
    assert shown["report"]["sentences"] == expected["sentences"]
    assert shown["html"].count("data-index=") >= 3
    assert shown["verdicts"] == []


def test_an_added_article_waits_in_the_queue(client: TestClient) -> None:
    added = client.post("/v1/articles", json={"text": "Snow fell.", "source": "snow.txt"}).json()
    assert (added["source"], added["sentences"]) == ("snow.txt", None)
    assert client.get(f"/v1/articles/{added['id']}").json()["report"]["article"]["source"] == "snow.txt"


def test_the_suffix_of_the_source_tells_the_format(client: TestClient) -> None:
    page = "<html><body><article><h1>Rain</h1><p>Rain fell on the town for the whole of Monday.</p></article></body>"
    pytest.importorskip("trafilatura")
    shown = client.post("/v1/score", json={"text": page, "source": "rain.html"}).json()
    assert "<p>" not in shown["report"]["sentences"][0]["text"]
    assert any("extracted" in warning for warning in shown["report"]["warnings"])


def test_verdicts_are_saved_shown_and_taken_back(client: TestClient, store: Store) -> None:
    key = first(client)
    (saved,) = judge(client, key, label="opinionated", spans=[[4, 12]]).json()["saved"]
    assert (saved["label"], saved["spans"], saved["reviewer"]) == ("opinionated", [[4, 12]], "ana")
    assert [c.label for c in read_corrections(store.path)] == ["opinionated"]
    assert client.get(f"/v1/articles/{key}").json()["verdicts"][0]["spans"] == [[4, 12]]
    judge(client, key, action="take_back")
    assert client.get(f"/v1/articles/{key}").json()["verdicts"] == []
    assert [c.label for c in read_corrections(store.path)] == ["opinionated", None]


def test_accept_takes_the_labels_of_the_report_that_is_seen(client: TestClient) -> None:
    key = first(client)
    for threshold, label in ((0.0, "opinionated"), (1.0, "neutral")):
        answer = judge(client, key, sentences=[0, 1, 2], action="accept", threshold=threshold)
        assert {found["label"] for found in answer.json()["saved"]} == {label}
        assert {found["decision"] for found in answer.json()["saved"]} == {"accepted"}
        shown = client.get(f"/v1/articles/{key}", params={"threshold": 1 - threshold}).json()
        assert "accepted" not in {found["decision"] for found in shown["verdicts"]}


def test_a_decision_is_shown_on_its_sentence(client: TestClient) -> None:
    key = first(client)
    shown = client.get(f"/v1/articles/{key}", params={"threshold": 0}).json()
    assert "rejected" not in shown["html"].partition("</style>")[2]
    judge(client, key, label="neutral", threshold=0.0)
    shown = client.get(f"/v1/articles/{key}", params={"threshold": 0}).json()
    assert shown["verdicts"][0]["decision"] == "rejected"
    assert "rejected" in shown["html"].partition("</style>")[2]


def test_one_sentence_is_shown_as_in_its_article(client: TestClient) -> None:
    key = first(client)
    judge(client, key, sentences=[0, 1], label="neutral")
    whole = client.get(f"/v1/articles/{key}").json()
    part = client.get(f"/v1/articles/{key}", params={"sentence": 1}).json()
    assert part["report"]["sentences"] == whole["report"]["sentences"][1:2]
    assert part["verdicts"] == whole["verdicts"][1:]
    tag = re.compile(r'<\w+ class="sentence[^>]*data-index="1"[^>]*>')
    tags = [set(tag.findall(shown["html"])) for shown in (whole, part)]
    assert len(tags[0]) == 1
    assert tags[0] == tags[1]


def test_a_verdict_is_found_again_by_its_place(client: TestClient, desk: Desk, tmp_path: Path) -> None:
    key = first(client)
    judge(client, key, sentences=[2], label="neutral")
    values = desk.store.corrections[0].to_dict()
    moved = {**values, "index": 7, "time": "2026-01-01"}
    gone = {**values, "start": 1, "time": "2026-01-01"}
    path = tmp_path / "older.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (moved, gone)))
    with Store(path) as store:
        older = Desk(desk.detector, store, "ana", [Article(STORY)])
        assert [(index, c.index) for index, c in older.verdicts(key).items()] == [(2, 2)]


def test_the_export_trains(client: TestClient) -> None:
    key = first(client)
    judge(client, key, label="opinionated", spans=[[4, 12]])
    answer = client.get("/v1/export")
    assert "attachment" in answer.headers["content-disposition"]
    (row,) = map(json.loads, answer.text.splitlines())
    assert (row["text"], row["label"], row["spans"]) == (
        "The reckless council voted on Monday.",
        "opinionated",
        [[4, 12]],
    )


@pytest.mark.parametrize(
    ("values", "status", "fault"),
    [
        ({"sentences": [9]}, 422, "none with the number 9"),
        ({"sentences": []}, 422, "sentences"),
        ({"sentences": ["0"]}, 422, "sentences.0"),
        ({"label": "bad"}, 422, "label"),
        ({"label": None}, 422, "which label"),
        ({"spans": [[4, 4]]}, 422, "no word"),
        ({"spans": [[4]]}, 422, "spans.0"),
        ({"spans": [[4, 99_999]]}, 422, "no word"),
        ({"spans": [[4, 12]], "sentences": [0, 1]}, 422, "one sentence at a time"),
        ({"spans": [[45, 53]], "sentences": [1]}, 422, "quoted speech"),
        ({"threshold": 2}, 422, "threshold"),
        ({"more": 1}, 422, "more"),
        ({"article": "nowhere"}, 404, "send its text again"),
    ],
)
def test_what_cannot_be_judged_is_one_line(
    client: TestClient, store: Store, values: dict[str, Any], status: int, fault: str
) -> None:
    body = {"article": first(client), "sentences": [0], "action": "label", "label": "opinionated", **values}
    answer = client.post("/v1/labels", json=body)
    assert (answer.status_code, list(answer.json())) == (status, ["detail"])
    assert fault in answer.json()["detail"]
    assert "\n" not in answer.json()["detail"]
    assert store.corrections == ()


@pytest.mark.parametrize("path", ["/v1/score", "/v1/articles"])
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"text": "  \n"}, 400),
        ({"text": ""}, 400),
        ({}, 422),
        ({"text": 5}, 422),
        ({"text": "x", "source": ""}, 422),
        ([], 422),
    ],
)
def test_what_is_no_article_is_one_line(client: TestClient, path: str, body: Any, status: int) -> None:
    answer = client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})
    assert (answer.status_code, list(answer.json())) == (status, ["detail"])
    assert "\n" not in answer.json()["detail"]


def test_lone_surrogates_are_replaced(client: TestClient) -> None:
    body = json.dumps({"text": "Rain \ud800 fell.", "title": "\udfff", "source": "\ud800.txt"})
    shown = client.post("/v1/score", content=body, headers={"content-type": "application/json"}).json()
    assert shown["report"]["sentences"][0]["text"] == "Rain \ufffd fell."
    assert shown["report"]["article"]["source"] == "\ufffd.txt"
    body = json.dumps({"article": "\ud800", "sentences": [0], "action": "take_back"})
    answer = client.post("/v1/labels", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, "\ufffd" in answer.json()["detail"]) == (404, True)


def test_broken_json_is_one_line(client: TestClient) -> None:
    answer = client.post("/v1/score", content="{", headers={"content-type": "application/json"})
    assert (answer.status_code, list(answer.json())) == (422, ["detail"])


def test_a_text_that_takes_too_long_is_refused(tiny_detector: Detector, store: Store) -> None:
    desk = Desk(tiny_detector, store, "ana", settings=Settings(seconds=0.0))
    answer = TestClient(create_app(desk)).post("/v1/score", json={"text": STORY})
    assert answer.status_code == 503
    assert "longer than 0 seconds" in answer.json()["detail"]


def test_what_could_not_be_saved_is_told(client: TestClient, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> None:
        raise OutputError("cannot write labels.jsonl: no space left on device")

    key = first(client)
    monkeypatch.setattr(store, "add", full)
    answer = judge(client, key, label="neutral")
    assert (answer.status_code, answer.json()["detail"]) == (507, "cannot write labels.jsonl: no space left on device")
    assert client.get(f"/v1/articles/{key}").json()["verdicts"] == []


def test_reports_are_made_again_once_there_are_too_many(
    desk: Desk, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "KEPT", 1)
    monkeypatch.setattr(desks, "ADDED", 1)
    keys = [client.post("/v1/score", json={"text": f"Rain fell on day {day}."}).json()["id"] for day in range(2)]
    assert client.get(f"/v1/articles/{first(client)}").status_code == 200
    assert [client.get(f"/v1/articles/{key}").status_code for key in keys] == [404, 200]


def test_hostile_text_is_text(client: TestClient) -> None:
    text = "The <script>alert(1)</script> vote \u202e was <img src=x onerror=alert(1)> \r\n\r\n\x00 held. " * 3
    shown = client.post("/v1/score", json={"text": text, "title": "<b onclick=alert(1)>", "source": "<i>"}).json()
    assert "<script" not in shown["html"]
    assert "<img" not in shown["html"]
    assert "<b onclick" not in shown["html"]
    assert "".join(s["text"] for s in shown["report"]["sentences"]).count("<script>") == 3


def test_health_and_the_page(client: TestClient) -> None:
    health = client.get("/health").json()
    assert (health["status"], health["model"]["name"], health["reviewer"]) == ("ok", "tiny", "ana")
    page = client.get("/").text
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    for name in ("review.css", "main.js", "api.js", "article.js", "files.js", "offsets.js", "icon.svg"):
        answer = client.get(f"/static/{name}")
        assert answer.status_code == 200, name
        assert "https://" not in answer.text
    assert client.get("/static/index.html").status_code == 404
    assert client.get("/static/..%2fapp.py").status_code == 404


def test_the_interface_describes_itself(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    assert {"/health", "/v1/score", "/v1/articles", "/v1/articles/{article}", "/v1/labels", "/v1/export"} == set(
        described["paths"]
    )
    assert {"Shown", "Text", "Verdict", "Given", "Saved", "Health", "Item"} <= set(described["components"]["schemas"])
    assert client.get("/docs").status_code == 404
