from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from factories import Failure, failure, harbour, loaded, report, sentence
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from bias import __version__
from bias.errors import InputError
from bias.reading import EXTRACTED
from bias.reporting import renderer
from bias.reporting.findings import file_of
from bias.reporting.github import escape_data, escape_property
from bias.reporting.marking import visible
from bias.reporting.sarif import uri_of
from bias.types import ArticleReport

EXTRACTED_PAGE = replace(harbour(), warnings=(EXTRACTED,))
ROW = report([sentence("A [x](y) {0} b.", 0.9, loaded("x", 0.6, None))], source="d/a.jsonl:2", score=None)


def run_of(*outcomes: ArticleReport | Failure) -> dict[str, Any]:
    log = json.loads(renderer("sarif")(outcomes))
    Draft202012Validator(LOG).validate(log)
    (run,) = log["runs"]
    return run


def cut(text: str, region: dict[str, int]) -> str:
    """What an editor would mark: the text from line and column to line and column."""
    rows = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    first, last = region["startLine"] - 1, region["endLine"] - 1
    if first == last:
        return rows[first][region["startColumn"] - 1 : region["endColumn"] - 1]
    return "".join(
        [rows[first][region["startColumn"] - 1 :], *rows[first + 1 : last], rows[last][: region["endColumn"] - 1]]
    )


# --- SARIF ---


def obj(optional: Sequence[str] = (), **properties: Any) -> dict[str, Any]:
    """An object with these properties, all required but for the optional, and no other."""
    required = sorted(set(properties) - set(optional))
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def array(items: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **rest}


def at_least(number: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": number}


TEXT = {"type": "string", "minLength": 1}
MESSAGE = obj(text=TEXT)
LEVEL = {"enum": ["none", "note", "warning", "error"]}
LOCATION = obj(
    ["message"],
    physicalLocation=obj(
        ["region"],
        artifactLocation=obj(uri={"type": "string", "pattern": r"^[A-Za-z0-9._~/%:-]+$"}),
        region=obj(
            startLine=at_least(1),
            startColumn=at_least(1),
            endLine=at_least(1),
            endColumn=at_least(1),
            charOffset=at_least(0),
            charLength=at_least(0),
        ),
    ),
    message=MESSAGE,
)
LOG = obj(
    version={"const": "2.1.0"},
    runs=array(
        obj(
            tool=obj(
                driver=obj(
                    name={"const": "newsbias"},
                    version={"const": __version__},
                    semanticVersion={"const": __version__},
                    fullDescription=MESSAGE,
                    rules=array(
                        obj(id=TEXT, shortDescription=MESSAGE, defaultConfiguration=obj(level=LEVEL)), uniqueItems=True
                    ),
                )
            ),
            invocations=array(
                obj(
                    executionSuccessful={"type": "boolean"},
                    toolExecutionNotifications=array(obj(level=LEVEL, message=MESSAGE, locations=array(LOCATION))),
                )
            ),
            columnKind={"const": "unicodeCodePoints"},
            newlineSequences=array(TEXT, uniqueItems=True, minItems=1),
            results=array(
                obj(
                    ["baselineState"],
                    ruleId=TEXT,
                    ruleIndex=at_least(0),
                    level=LEVEL,
                    baselineState={"enum": ["new", "unchanged", "updated", "absent"]},
                    message=MESSAGE,
                    locations=array(LOCATION, minItems=1),
                    partialFingerprints={"type": "object", "additionalProperties": TEXT},
                    rank={"type": "number", "minimum": 0, "maximum": 100},
                    properties={"type": "object"},
                )
            ),
            properties=obj(articles=array({"type": "object", "required": ["score", "interval", "percentile"]})),
        ),
        minItems=1,
    ),
) | {"additionalProperties": False}
LOG["properties"]["$schema"] = {"type": "string", "pattern": "sarif-schema-2.1.0"}
"""What of SARIF 2.1.0 is used here, the names, types and limits as its sections 3.13 to 3.58 have them."""


@pytest.mark.parametrize("outcomes", [[], [report()], [harbour(), failure(), EXTRACTED_PAGE, ROW, harbour().at(0.0)]])
def test_the_log_has_the_shape_of_sarif(outcomes: list[ArticleReport | Failure]) -> None:
    run = run_of(*outcomes)
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert set(rules) == {result["ruleId"] for result in run["results"]}
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])


def test_the_check_of_the_shape_can_fail() -> None:
    log = json.loads(renderer("sarif")([harbour()]))
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0
    with pytest.raises(ValidationError):
        Draft202012Validator(LOG).validate(log)


def test_results_are_the_opinionated_sentences_and_the_outlets_words_in_them() -> None:
    given_report = harbour()
    results = run_of(given_report)["results"]
    text = given_report.article.text
    found = [(r["ruleId"], cut(text, r["locations"][0]["physicalLocation"]["region"])) for r in results]
    expected = []
    for result in given_report.opinionated:
        expected.append(("opinionated_sentence", result.sentence.text))
        expected += [(span.category, span.text) for span in result.spans if span.voice == "outlet"]
    assert found == expected
    assert ("name_calling", "cronies") in found
    levels = {"low": "note", "medium": "warning", "high": "error"}
    values = [value for r in given_report.opinionated for value in (r, *(s for s in r.spans if s.voice == "outlet"))]
    assert [r["level"] for r in results] == [levels[value.level] for value in values]
    assert {r["level"] for r in results} == set(levels.values())


PIECE = st.text(alphabet="ab 🚢𝒳é\u0301\t\r\n“”", max_size=12)


@given(PIECE, PIECE, PIECE.filter(bool), PIECE, st.sampled_from([" ", "\r\n", "\r", "\n\n", "\t"]))
@settings(max_examples=150, deadline=None)
def test_a_region_cut_out_of_the_file_is_the_text_that_was_found(
    lead: str, before: str, word: str, after: str, gap: str
) -> None:
    first, second = sentence("🚢 One."), sentence(before + word + after, 0.9, loaded(word), gap=gap)
    given_report = report([first, second], lead=lead, tail=after)
    text = given_report.article.text
    results = run_of(given_report)["results"]
    spans = [given_report.opinionated[0].sentence, given_report.spans[0]]
    for result, found in zip(results, spans, strict=True):
        region = result["locations"][0]["physicalLocation"]["region"]
        assert cut(text, region) == found.text
        assert (region["charOffset"], region["charLength"]) == (found.start, len(found.text))


@pytest.mark.parametrize(
    ("given_report", "uri", "place"),
    [
        (EXTRACTED_PAGE, "articles/harbour-lease.txt", "Characters 115 to 277 of the text extracted from the page."),
        (ROW, "d/a.jsonl", "Characters 0 to 15 of the text in row 2."),
    ],
)
def test_where_offsets_are_not_the_files_no_line_misleads(given_report: ArticleReport, uri: str, place: str) -> None:
    results = run_of(given_report)["results"]
    for result in results:
        (location,) = result["locations"]
        assert location["physicalLocation"] == {"artifactLocation": {"uri": uri}}
    assert results[0]["locations"][0]["message"]["text"] == place
    shown = renderer("github")([given_report])
    assert "line=" not in shown
    assert place in shown


def test_messages_show_the_text_as_it_is_and_link_nowhere() -> None:
    message = run_of(ROW)["results"][0]["message"]["text"]
    assert message == 'Opinionated (0.90): "A [x] (y) {{0}} b."'


def test_fingerprints_outlast_moved_lines_and_tell_repeated_words_apart() -> None:
    twice = [sentence("Cronies met.", 0.9, loaded("Cronies")), sentence("Cronies met.", 0.9, loaded("Cronies"))]
    here, moved = (
        [r["partialFingerprints"]["textHash/v1"] for r in run_of(report(twice, lead=lead))["results"]]
        for lead in ("", "A new line.\r\n\r\n")
    )
    assert here == moved
    assert len(set(here)) == 4


def test_failures_and_warnings_are_notifications_and_scores_are_properties() -> None:
    run = run_of(replace(harbour(), warnings=("few sentences",)), failure("a b.txt"))
    (invocation,) = run["invocations"]
    assert not invocation["executionSuccessful"]
    assert [(note["level"], note["message"]["text"]) for note in invocation["toolExecutionNotifications"]] == [
        ("warning", "articles/harbour-lease.txt: few sentences"),
        ("error", "a b.txt: byte 12 is not valid UTF-8"),
    ]
    (article,) = run["properties"]["articles"]
    assert (article["score"], article["interval"], article["percentile"]["news"]) == (24.6, [11.2, 38.5], 86)
    assert run_of(harbour())["invocations"][0]["executionSuccessful"]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("./news/a b.txt", "news/a%20b.txt"),
        ("50%:ü#?.txt", "50%25%3A%C3%BC%23%3F.txt"),
        ("<stdin>", "%3Cstdin%3E"),
        ("../a.txt", "../a.txt"),
    ],
)
def test_addresses_of_files(path: str, uri: str) -> None:
    assert uri_of(path) == uri


def test_addresses_of_any_absolute_file(tmp_path: Path) -> None:
    path = tmp_path / "a b.txt"
    assert uri_of(str(path)) == path.as_uri()


def test_a_row_is_told_from_a_file_with_a_colon() -> None:
    assert file_of("a/b.CSV:12") == ("a/b.CSV", 12)
    assert file_of("<stdin>:3") == ("<stdin>", 3)
    assert file_of("12:30") == ("12:30", None)
    assert file_of("a.jsonl") == ("a.jsonl", None)


# --- GitHub ---


def parsed(line: str) -> tuple[str, dict[str, str], str]:
    """A command as GitHub's runner reads it: name, properties, message."""
    found = re.fullmatch(r"::(\w+) (.*?)::(.*)", line, re.DOTALL)
    assert found
    properties = dict(pair.split("=", 1) for pair in found[2].split(","))
    return found[1], {name: unquoted(value) for name, value in properties.items()}, unquoted(found[3])


def unquoted(text: str) -> str:
    return re.sub("%(0D|0A|3A|2C|25)", lambda code: unquote(code[0]), text)


@given(st.text(alphabet="a%0DA25,:3C=\r\n é🚢"))
def test_escapes_are_undone_by_the_runner(text: str) -> None:
    for escaped in (escape_data(text), escape_property(text)):
        assert not set("\r\n") & set(escaped)
        assert unquoted(escaped) == text
    assert not set(":,") & set(escape_property(text))


def test_github_shows_each_sentence_at_its_lines_with_its_words() -> None:
    given_report = harbour()
    commands = [parsed(line) for line in renderer("github")([given_report, failure()]).splitlines()]
    assert [name for name, _, _ in commands] == ["error", "error", "notice", "notice", "error"]
    for (_, properties, _), result in zip(commands, given_report.opinionated, strict=False):
        assert properties["file"] == "articles/harbour-lease.txt"
        region = dict(
            zip(
                ("startLine", "endLine", "startColumn", "endColumn"),
                (int(properties[name]) for name in ("line", "endLine", "col", "endColumn")),
                strict=True,
            )
        )
        assert cut(given_report.article.text, region) == result.sentence.text
    assert '"cronies": name-calling (0.98). Suggests corruption, shows none. Try associates, allies.' in commands[0][2]
    assert "slap in the face" not in str(commands)
    assert "Expected 25 % of the outlet's own sentences" in commands[3][2]
    assert commands[4][1:] == (
        {"file": "broken.txt", "title": "newsbias: not read"},
        "byte 12 is not valid UTF-8",
    )


def test_github_gets_no_columns_for_a_sentence_on_two_lines() -> None:
    line, _ = renderer("github")([report([sentence("One\r\ntwo.", 0.9)])]).splitlines()
    _, properties, _ = parsed(line)
    assert (properties["line"], properties["endLine"]) == ("1", "2")
    assert not {"col", "endColumn"} & set(properties)


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=40))
@settings(max_examples=100, deadline=None)
def test_nothing_an_article_says_is_a_command(source: str, text: str) -> None:
    hostile = report([sentence(f"{text}\n::error::x", 0.9, loaded(text[-1]))], source=source, warnings=(text,))
    shown = renderer("github")([hostile, Failure(source, InputError(f"{text}\n::set-output name=a::b"))])
    commands = [parsed(line) for line in shown.removesuffix("\n").split("\n")]
    assert [name for name, _, _ in commands] == ["error", "notice", "notice", "error"]
    assert {properties["file"] for _, properties, _ in commands} == {visible(file_of(source)[0])}
    run_of(hostile)
