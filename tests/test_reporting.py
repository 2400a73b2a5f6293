from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import accumulate

import pytest
from factories import Failure, failure, harbour, loaded, report, sentence
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError
from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from bias.errors import InputError
from bias.levels import LEVELS
from bias.reporting import RENDERERS, renderer
from bias.reporting.html import render_fragment, render_page
from bias.reporting.markdown import escaped
from bias.reporting.marking import Lines, excerpt, paragraphs, pieces, visible
from bias.reporting.records import CSV_COLUMNS, render_csv, render_json, render_jsonl, report_schema, to_record
from bias.reporting.terminal import Terminal, render_full
from bias.types import ArticleReport, SentenceResult

ADDED = {"level", "ignored", "allowed"}
"""Keys that reports of the first version of the schema lacked."""

UNSCORED = report(
    [sentence("“No,” she said.", 0.2, outlet=0.0, voice="quoted", quote="No,", speaker="she", verb="said")],
    score=None,
    interval=None,
    percentile=None,
    warnings=("the outlet has no sentence of its own",),
)
HOSTILE = (
    "\x1b[31mred\x1b]8;;http://x\x07 \x9b2J [bold]x[/] {{ 7*7 }} <script>alert(1)</script> "
    "\u202eevil\u2066 | *a* `b` &amp;"
)


# --- marking ---


@given(st.text(alphabet="ab\r\n", max_size=40))
@settings(max_examples=100, deadline=None)
def test_positions_agree_with_splitting_into_lines(text: str) -> None:
    rows = re.split(r"\r\n|\r|\n", text)
    line, column = Lines(text).position(len(text))
    assert (line, column) == (len(rows), len(rows[-1]) + 1)


def test_visible_text_keeps_its_length_and_shows_what_would_command_a_terminal() -> None:
    text = visible(HOSTILE)
    assert len(text) == len(HOSTILE)
    assert text.startswith("␛[31mred␛]8;;http://x␇ \ufffd2J")
    assert "\u202e" not in text
    assert visible("tab\tline\r\n café 👩‍🚒") == "tab\tline\r\n café 👩‍🚒"


def test_excerpt_ends_at_a_word_and_within_its_width() -> None:
    assert excerpt("one  two\nthree", 20) == "one two three"
    assert excerpt("The committee adjourned", 17) == "The committee..."
    assert excerpt("x" * 30, 10) == "xxxxxxx..."


@pytest.mark.parametrize("quotes", ["separate", "include"])
def test_pieces_and_paragraphs_join_to_the_article(quotes: str) -> None:
    given_report = report(
        [sentence("He called “a sham vote” a fact.", 0.9, loaded("a sham"), loaded("sham vote"), quote="sham vote")],
        [sentence("Next."), sentence("Last.", gap="\n")],
        lead="\n ",
        tail=" \n",
        quotes=quotes,
    )
    runs = [run for paragraph in paragraphs(given_report) for run in paragraph]
    texts = [
        "".join(piece.text for piece in pieces(given_report, run)) if isinstance(run, SentenceResult) else run
        for run in runs
    ]
    assert "".join(texts) == given_report.article.text
    assert len(paragraphs(given_report)) == 2
    quoted = "".join(piece.text for piece in pieces(given_report, given_report.sentences[0]) if piece.quoted)
    assert quoted == ("sham vote" if quotes == "separate" else "")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_ignored_text_stands_in_paragraphs_of_its_own(end: str) -> None:
    blank = 2 * end
    ignored = f"{blank}<!-- bias: off -->{blank}A sham.{end}A lie.{blank}<!-- bias: on -->{blank}"
    inline = " <!-- bias: off -->Sad.<!-- bias: on --> "
    given_report = report([sentence("One."), sentence("Two.", gap=inline)], [sentence("Three.")], separator=ignored)
    shown = [
        ["." if isinstance(run, SentenceResult) else run.strip() for run in runs] for runs in paragraphs(given_report)
    ]
    assert shown == [
        [".", inline.strip(), ".", ""],
        ["<!-- bias: off -->"],
        [f"A sham.{end}A lie."],
        ["<!-- bias: on -->"],
        ["."],
    ]
    open_ended = report(
        [sentence("One.")], [sentence("Two.")], separator=f"{blank}<!-- bias: off --><!-- bias: on --> "
    )
    assert [len(runs) for runs in paragraphs(open_ended)] == [2, 2]
    page = Page(render_page([given_report]))
    assert page.text == given_report.article.text
    assert len(page.having("ignored")) == 4


@given(st.lists(st.text(alphabet="a \r\n", max_size=6), min_size=3, max_size=3), st.booleans())
@settings(max_examples=100, deadline=None)
def test_paragraphs_join_to_the_article_whatever_is_ignored(between: list[str], apart: bool) -> None:
    lead, gap, tail = between
    first, second = sentence("One."), sentence("Two.", gap=gap)
    groups = [[first], [second]] if apart else [[first, second]]
    given_report = report(*groups, lead=lead, tail=tail, separator=gap)
    runs = [run for paragraph in paragraphs(given_report) for run in paragraph]
    assert all(paragraphs(given_report))
    assert "".join(run if isinstance(run, str) else run.sentence.text for run in runs) == given_report.article.text


def test_an_article_without_sentences_keeps_its_text() -> None:
    assert paragraphs(report(lead=" . ")) == ((" . ",),)


# --- records ---


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(report_schema())
    return Draft202012Validator(report_schema())


@pytest.mark.parametrize("outcome", [harbour(), harbour().at(0.1), UNSCORED, report(), failure()])
def test_records_follow_the_schema(validator: Draft202012Validator, outcome: ArticleReport | Failure) -> None:
    validator.validate(json.loads(json.dumps(to_record(outcome))))


def test_the_schema_is_exact(validator: Draft202012Validator) -> None:
    """Every key of a report is required but for later ones, and no other is allowed, at every depth."""

    def objects(value: object) -> list[dict[str, object]]:
        if isinstance(value, list):
            return [found for item in value for found in objects(item)]
        if isinstance(value, dict):
            return [value, *(found for item in value.values() for found in objects(item))]
        return []

    for outcome in (harbour(), failure()):
        record = json.loads(json.dumps(to_record(outcome)))
        free = {"categories", "percentile"}
        open_ended = [o for o in objects(record) if any(o is parent.get(k) for parent in objects(record) for k in free)]
        for part in objects(record):
            part["surplus"] = 1
            with pytest.raises(ValidationError):
                validator.validate(record)
            del part["surplus"]
            if part in open_ended:
                continue
            for key in part.keys() - ADDED:
                kept = part.pop(key)
                with pytest.raises(ValidationError):
                    validator.validate(record)
                part[key] = kept
        validator.validate(record)


def test_what_was_added_to_the_schema_is_no_part_of_earlier_reports(validator: Draft202012Validator) -> None:
    changed = replace(harbour(), ignored=2)
    spans = changed.sentences[1].spans
    kept = replace(changed.sentences[1], spans=spans[:1], allowed=spans[1:])
    changed = replace(changed, sentences=(changed.sentences[0], kept, *changed.sentences[2:]))
    record = json.loads(json.dumps(to_record(changed)))
    validator.validate(record)
    assert (record["summary"]["ignored"], record["summary"]["allowed"]) == (2, 1)
    assert record["summary"]["spans"] == harbour().summary["spans"] - 1
    assert not ADDED & to_record(harbour())["summary"].keys()
    levels = [(sentence["label"] == "opinionated", sentence["level"]) for sentence in record["sentences"]]
    assert all((level is not None) == opinionated for opinionated, level in levels)
    for sentence_record in record["sentences"]:
        del sentence_record["level"]
        for span in sentence_record["spans"]:
            assert span.pop("level") in LEVELS
    validator.validate(record)


def test_json_is_an_array_in_the_order_of_the_inputs() -> None:
    records = json.loads(render_json([failure("a.txt"), harbour()]))
    assert [record["article"]["source"] for record in records] == ["a.txt", "articles/harbour-lease.txt"]
    assert records[0]["error"] == {"type": "EncodingError", "message": "byte 12 is not valid UTF-8"}
    assert json.loads(render_json([])) == []
    assert json.loads(render_json([harbour()])) == [harbour().to_dict()]


def test_jsonl_is_one_ascii_record_a_line() -> None:
    lines = render_jsonl([harbour(), failure("caf\udce9.txt")]).splitlines()
    assert [json.loads(line)["article"]["source"] for line in lines] == ["articles/harbour-lease.txt", "caf\udce9.txt"]
    assert all(line.isascii() for line in lines)


def test_csv_has_one_row_a_sentence_and_one_for_a_failure() -> None:
    rows = list(csv.DictReader(io.StringIO(render_csv([harbour(), failure(), report()]))))
    sentences = harbour().sentences
    assert list(rows[0]) == list(CSV_COLUMNS)
    assert [row["text"] for row in rows[: len(sentences)]] == [r.sentence.text for r in sentences]
    assert rows[1]["spans"] == "rammed through; cronies"
    assert rows[2]["quoted_spans"] == "shameless giveaway"
    assert (rows[0]["score"], rows[0]["interval_low"], rows[0]["percentile_news"]) == ("24.6", "11.2", "86")
    assert rows[len(sentences)]["error_type"] == "EncodingError"
    assert (rows[-1]["source"], rows[-1]["text"]) == ("story.txt", "")


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\r=1", "＝1"])
def test_csv_cells_are_no_formulas(start: str) -> None:
    hostile = report([sentence(f"{start} and more")], source=start, title=start)
    text = render_csv([hostile, Failure(start, InputError(start))])
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    for cell in (rows[0]["text"], rows[0]["source"], rows[0]["title"], rows[1]["source"], rows[1]["error_message"]):
        assert cell.startswith(f"'{start}")


# --- terminal ---


def test_full_view_without_colour_fits_80_columns_and_points_at_the_words() -> None:
    text = render_full([harbour()])
    lines = text.splitlines()
    assert "\x1b" not in text
    assert max(map(len, lines)) <= 80
    for word, mark in {"cronies": "^", "agitators": "^", "shameless giveaway": "~", "circus": "~"}.items():
        row = next(i for i, line in enumerate(lines) if word in line)
        at = lines[row].index(word)
        assert lines[row + 1][at : at + len(word)] == mark * len(word)
        assert lines[row + 1][at - 1] == " "


def test_full_view_says_what_the_score_means() -> None:
    text = " ".join(render_full([harbour()]).split())
    assert "Expected 25 % of the outlet's own sentences, 95 % interval 11 to 38." in text
    assert "Higher than 86 % of news pages and 17 % of opinion pages." in text
    assert "Compared with 2,000 news pages" in text
    assert "it does not say left or right, true or false" in text
    assert "try passed, approved" in text
    assert "3 of 14 sentences opinionated" in text


def test_full_view_marks_by_label_and_separates_paragraphs() -> None:
    marked = [line for line in render_full([harbour()]).splitlines() if line.startswith("!")]
    assert len(marked) == 3
    assert not [line for line in render_full([harbour().at(1.0)]).splitlines() if line.startswith("!")]
    article = render_full([harbour()]).split("────")[0]
    assert len(article.strip().split("\n\n")) == 6  # the header and five paragraphs


def test_full_view_names_a_speaker_whom_the_sentence_does_not_name() -> None:
    text = render_full([harbour()])
    assert text.count("(quoting Priya Raman)") == 1
    assert "(quoting Tomás Reyes)" not in text


def test_full_view_in_colour_only_adds_styles() -> None:
    coloured = render_full([harbour()], Terminal(color=True))
    assert "\x1b[" in coloured
    bare = re.sub(r"\x1b\[[\d;]*m", "", coloured)
    plain = [line for line in render_full([harbour()]).splitlines() if not re.fullmatch(r"[ │^~]*[\^~]", line)]
    assert [line.rstrip() for line in bare.splitlines()] == plain


def test_full_view_dims_the_quoted_and_colours_the_loaded_alone() -> None:
    lines = [Text.from_ansi(line) for line in render_full([harbour()], Terminal(color=True)).splitlines()]

    def style_of(word: str) -> Style:
        line = next(line for line in lines if word in line.plain)
        return line.get_style_at_offset(Console(), line.plain.index(word))

    assert style_of("dockworker").dim
    assert style_of("cronies").underline
    assert style_of("cronies").color
    for word in ("council president", "closed since", "who voted"):
        assert not style_of(word), word


def test_full_view_in_ascii() -> None:
    text = render_full([report([sentence("A plain line.", 0.9)])], Terminal(unicode=False))
    assert text.isascii()
    assert "! #####  0.90 | A plain line." in text


@pytest.mark.parametrize("width", [1, 40, 60, 300])
def test_full_view_keeps_to_its_width(width: int) -> None:
    lines = render_full([harbour()], Terminal(width=width)).splitlines()
    assert max(map(len, lines)) <= min(max(width, 40), 100)


@given(st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=4), st.booleans())
@settings(max_examples=100, deadline=None)
def test_full_view_of_any_text_fits_and_commands_nothing(texts: list[str], color: bool) -> None:
    given_report = report([sentence(text, 0.9, loaded(text[-1])) for text in texts], source=texts[0], title=texts[-1])
    shown = render_full([given_report], Terminal(color=color))
    bare = re.sub(r"\x1b\[[\d;]*m", "", shown)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", bare)
    assert max(cell_len(line) for line in bare.split("\n")) <= 80


class Stream(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def test_a_terminal_obeys_the_environment() -> None:
    assert Terminal.of(io.StringIO(), {}) == Terminal(80, color=False, unicode=False)
    assert Terminal.of(Stream(), {"COLUMNS": "wide"}).width == 80
    assert Terminal.of(Stream(), {"COLUMNS": "132"}) == Terminal(132, color=True, unicode=True)
    assert not Terminal.of(Stream(), {"COLUMNS": "80", "NO_COLOR": "1"}).color
    assert not Terminal.of(Stream(), {"COLUMNS": "80", "TERM": "dumb"}).color


# --- concise ---


def test_concise_points_at_each_opinionated_sentence() -> None:
    lines = renderer("concise")([harbour()]).splitlines()
    text = harbour().article.text
    assert len(lines) == 4
    for line, result in zip(lines, harbour().opinionated, strict=False):
        found = re.match(r'(.+?):(\d+):(\d+): opinionated (\d\.\d\d) (.*?)"(.+)\.\.\."$', line)
        assert found is not None
        row, column = int(found[2]), int(found[3])
        assert text.split("\n")[row - 1][column - 1 :].startswith(found[6])
        assert found[1] == "articles/harbour-lease.txt"
        assert float(found[4]) == pytest.approx(result.outlet_probability, abs=0.005)
    assert "opinionated 0.97 (high) rammed through, cronies " in lines[0]
    assert "score 24.6 (11.2 to 38.5)" in lines[-1]


def test_concise_is_one_line_a_finding_whatever_the_text() -> None:
    hostile = report(
        [sentence("One\r\ntwo\n\nthree.", 0.9, loaded("two", 0.9))], source="a\nb:1:1: x.txt", lead="\r\n\n "
    )
    lines = renderer("concise")([hostile]).splitlines()
    assert lines[0] == 'a b:1:1: x.txt:3:2: opinionated 0.90 (medium) two "One two three."'
    assert len(lines) == 2


# --- markdown ---


def test_markdown_shows_each_opinionated_sentence_with_its_words() -> None:
    rows = [line for line in renderer("markdown")([harbour()]).splitlines() if line.startswith("| ")][2:]
    assert [row.split(" | ")[0] for row in rows] == ["| 1", "| 5", "| 7"]
    assert [row.split(" | ")[2] for row in rows] == ["high", "high", "low"]
    assert "hands her **cronies** in" in rows[0]
    assert "**cronies** (name-calling; try associates, allies)" in rows[0]


@pytest.mark.parametrize(
    ("text", "markdown"),
    [
        ("a | b\nc", r"a \| b c"),
        ("*bold* _it_ `code` [link](x)", r"\*bold\* \_it\_ \`code\` \[link\](x)"),
        ("<img src=x> &lt;", r"\<img src=x\> \&lt;"),
        ("ask @octocat about #12", r"ask @<!-- -->octocat about \#<!-- -->12"),
        ("https://x.example www.x.example", r"https\://x.example www.<!-- -->x.example"),
        ("a@b.example, 5 @ $2", r"a@<!-- -->b.example, 5 @ \$2"),
    ],
)
def test_markdown_shows_text_as_it_is(text: str, markdown: str) -> None:
    assert escaped(text) == markdown


# --- html ---


class Page(HTMLParser):
    """The elements of a page, and the text of its articles without tooltips and probabilities."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self._open.append(dict(attrs).get("class") or tag)

    def handle_endtag(self, tag: str) -> None:
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if "text" in self._open and not {"tip", "verdict"} & set(self._open):
            self.text += data

    def having(self, name: str) -> list[dict[str, str | None]]:
        return [attrs for _, attrs in self.elements if name in (attrs.get("class") or "").split()]

    def ids(self) -> list[str | None]:
        return [attrs["id"] for _, attrs in self.elements if "id" in attrs]


def test_the_page_shows_the_article_as_written() -> None:
    given_report = report(
        [sentence("A  <b>plain</b> &amp; {{ line }}."), sentence("A “sham” vote?", 0.9, loaded("sham"), gap="\n")],
        [sentence("Lies, all of it.", 0.9, loaded("Lies"))],
        lead="  \n",
        tail=" \n",
        separator="\n \n\n",
    )
    page = Page(render_page([given_report]))
    assert page.text == given_report.article.text
    assert [tag for tag, _ in page.elements].count("p") >= 2


def test_the_page_asks_for_nothing() -> None:
    html = render_page([harbour(), failure()])
    assert not re.search(r"https?:|//|\bsrc=|@import|url\(|<script|<link|<iframe|\bon\w+=", html)
    assert "default-src 'none'" in html


def test_hits_explain_themselves_to_keyboard_and_screen_reader() -> None:
    page = Page(render_page([harbour(), harbour()]))
    ids = page.ids()
    assert len(ids) == len(set(ids))
    tips = {attrs["id"] for attrs in page.having("tip") if attrs["role"] == "tooltip"}
    hits = [attrs for attrs in page.having("hit") if "aria-describedby" in attrs]
    assert len(hits) == 2 * len(harbour().spans)
    assert all(attrs["tabindex"] == "0" and attrs["aria-describedby"] in tips for attrs in hits)
    html = render_page([harbour()])
    assert "Suggests corruption, shows none." in html
    assert "Instead: <i>associates, allies</i>" in html


def test_strength_is_shown_by_weight_and_quoted_hits_do_not_count() -> None:
    page = Page(render_fragment(harbour()))
    classes = [str(attrs["class"]).split() for attrs in page.having("hit") if "aria-describedby" in attrs]
    assert [name[1] for name in classes] == [f"strength-{span.level}" for span in harbour().spans]
    assert {span.level for span in harbour().spans} == set(LEVELS)
    assert sum("uncounted" in name for name in classes) == 3
    included = Page(render_fragment(replace(harbour(), quotes="include")))
    assert not included.having("uncounted")
    assert not included.having("quoted")


@pytest.mark.parametrize("threshold", [0.0, 0.5, 0.7, 1.0])
def test_a_sentence_is_shown_as_its_label_says(threshold: float) -> None:
    given_report = harbour().at(threshold)
    page = Page(render_fragment(given_report))
    shown = [attrs for attrs in page.having("sentence") if attrs.get("id") and "opinionated" in str(attrs["class"])]
    assert len(shown) == len(given_report.opinionated)
    links = {attrs["href"] for attrs in page.having("segment") if "href" in attrs}
    assert links == {f"#{attrs['id']}" for attrs in shown}


def test_the_index_lists_every_input_and_its_links_lead_somewhere() -> None:
    html = render_page([harbour(), failure("lost.txt"), UNSCORED])
    page = Page(html)
    links = [str(attrs["href"]) for tag, attrs in page.elements if tag == "a"]
    assert {"#a1", "#a3"} <= set(links)
    assert {link.removeprefix("#") for link in links} <= set(page.ids())
    assert "Not read: byte 12" in html
    assert not Page(render_page([harbour()])).having("index")


def test_a_fragment_styles_nothing_outside_itself() -> None:
    html = render_fragment(harbour())
    assert not re.search(r"<(html|head|body|main)\b", html)
    css = html.split("<style>")[1].split("</style>")[0].strip()
    assert css.startswith(".newsbias {")
    depths = list(accumulate({"{": 1, "}": -1}.get(character, 0) for character in css))
    assert depths.index(0, css.index("{")) == len(css) - 1
    assert html.strip().startswith('<div class="newsbias">')


def test_a_report_shows_itself() -> None:
    assert harbour().to_html() == render_page([harbour()])
    assert harbour()._repr_html_() == render_fragment(harbour())


# --- every format ---


@pytest.mark.parametrize("name", RENDERERS)
def test_every_format_renders_reports_without_score_and_failures(name: str) -> None:
    text = renderer(name)([UNSCORED, failure("lost.txt"), report()])
    assert "lost.txt" in text
    assert "byte 12" in text
    assert "nan" not in text.lower()
    renderer(name)([])


@pytest.mark.parametrize("name", ["full", "concise", "jsonl", "markdown"])
def test_concatenative_formats(name: str) -> None:
    outcomes = [harbour(), failure(), UNSCORED]
    render = renderer(name)
    assert render(outcomes) == "".join(render([outcome]) for outcome in outcomes)


@pytest.mark.parametrize("name", RENDERERS)
def test_no_format_lets_a_terminal_be_commanded_or_fails_on_odd_names(name: str) -> None:
    hostile = report(
        [sentence(f"{HOSTILE} said.", 0.9, loaded("red\x1b", why=HOSTILE, alternatives=[HOSTILE]))],
        source=f"caf\udce9{HOSTILE}\n.txt",
        title=HOSTILE,
        warnings=(HOSTILE,),
        reference=HOSTILE,
    )
    text = renderer(name)([hostile, Failure(f"\udce9{HOSTILE}", InputError(HOSTILE))])
    text.encode()
    if name != "csv":  # data for programs, and kept as it is
        assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


def test_an_unknown_format_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        renderer("pdf")
