"""The reports: one accessible file each."""

import re
from collections import Counter
from html.parser import HTMLParser

import numpy as np
import pytest
from click.testing import CliRunner

from adaptive.evaluation.replay import Respondents
from adaptive.learning.fit import evidence_of
from question_bank.compile import compile_bank
from question_bank.datasets.fit import fit_dataset, fitted_bank
from question_bank.datasets.infer import read_dataset
from survey_service.analysis.reports.fitted import report_fit
from survey_service.cli.main import main
from tests.processes import ROOT
from tests.question_bank.planted import planted

EXAMPLE = ROOT / "question_bank" / "examples" / "car-buyers.yaml"
HOSTILE = """
bank: b
personas: [{id: a, name: "<script>alert(1)</script>", prior: 0.6}, {id: b, name: "B & \\"C\\"", prior: 0.4}]
questions:
  - id: one
    type: single
    text: "Is $x_{1$ < 3 & \\"so\\"? </svg><img src=x onerror=alert(2)>"
    options: [{id: yes, text: Y}, {id: no, text: "<b>N"}]
    likelihood: {a: [0.9, 0.1], b: [0.4, 0.6]}
  - {id: point, type: scale, text: Point, min: 1, max: 3, labels: {1: "<i>"}, likelihood: {a: [0.7, 0.2, 0.1], b: [0.1, 0.2, 0.7]}}
  - {id: size, type: number, text: Size, unit: "<kg>", likelihood: {a: {mean: 10, sd: 3}, b: {median: 20, spread: 1.5}}}
surveys: [{id: s, title: S, stop: {at_least: 0}}]
"""
EMPTY = {"meta", "img", "br", "link"}


class Page(HTMLParser):
    """What stands in a page; raises AssertionError where a tag is not closed by its own."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    def of(self, name: str) -> list[str | None]:
        return [attributes[name] for _, attributes in self.attributes if name in attributes]


def simulated(folder, bank=EXAMPLE, *more):
    out = folder / "out.html"
    done = CliRunner().invoke(main, ["simulate", str(bank), "--respondents", "60", "--report", str(out), *more])
    assert done.exit_code == 0, done.output
    return out.read_text(encoding="utf-8")


def fitted(folder):
    sheet = read_dataset(planted(), "answers.csv", [f"Q.{n}" for n in range(9)])
    fit = fit_dataset(sheet, 2, 1)
    bank = compile_bank(fitted_bank(sheet, fit, "planted"))
    report_fit(bank, Respondents(evidence_of(sheet.codes, bank.tables), sheet.codes > -2), "answers.csv", folder / "fit.html")
    return (folder / "fit.html").read_text(encoding="utf-8")


def replayed(folder):
    bank, answers, out = folder / "bank.yaml", folder / "answers.csv", folder / "out.html"
    bank.write_text(EXAMPLE.read_text())
    dice = np.random.default_rng(1)
    lines = [f"{dice.integers(1, 11)},{dice.choice(['both', 'private', ''])}" for _ in range(60)]
    answers.write_text("satisfaction,usage\n" + "\n".join(lines) + "\n")
    done = CliRunner().invoke(main, ["replay", str(bank), "--answers", str(answers), "--survey", "website", "--report", str(out)])
    assert done.exit_code == 0, done.output
    return out.read_text(encoding="utf-8")


def of_simulation(folder):
    return simulated(folder, EXAMPLE, "--survey", "website", "--drop-out", "0.1")


@pytest.mark.parametrize("made", [of_simulation, replayed, fitted])
def test_a_report_is_one_accessible_file_without_external_resources(tmp_path, made):
    """No script, nothing to fetch, unique ids, pictures with text alternatives, tables with captions, a heading per section."""
    text = made(tmp_path)
    page = Page(text)

    assert not {"script", "link", "iframe", "img"} & set(page.tags)
    fetched = [value for name in ("src", "href", "xlink:href", "data") for value in page.of(name)]
    assert all(value.startswith("#") for value in fetched)
    assert not re.search(r"@import|url\((?!#)", text)
    assert max(Counter(page.of("id")).values()) == 1
    referred = set(re.findall(r'url\(#([^)]+)\)|xlink:href="#([^"]+)"', text))
    assert {a or b for a, b in referred} <= set(page.of("id"))
    pictures = [attributes for tag, attributes in page.attributes if tag == "svg"]
    assert len(pictures) >= 4
    assert all(picture["role"] == "img" and len(picture["aria-label"]) > 20 for picture in pictures)
    assert page.tags["caption"] == page.tags["table"] > 3
    assert page.tags["h1"] == 1
    assert page.tags["section"] >= 6
    assert dict(page.attributes[0][1])["lang"] == "en"
    assert "#0" not in re.sub(r"<style>.*?</style>", "", text, flags=re.S)  # every colour is the style sheet's


def test_the_same_simulation_gives_the_same_file(tmp_path):
    """No dates, no random ids."""
    assert of_simulation(tmp_path) == of_simulation(tmp_path)


def test_texts_of_a_bank_are_escaped(tmp_path):
    """In names, options and units."""
    bank = tmp_path / "hostile.yaml"
    bank.write_text(HOSTILE)
    page = Page(simulated(tmp_path, bank))

    assert not {"script", "img", "b", "i", "kg"} & set(page.tags)
    words = " ".join(page.words)
    for written in ("<script>alert(1)</script>", 'B & "C"', "“<b>N”", "Is $x_{1$ < 3", "1 (<i>)", "<kg>"):
        assert written in words


def test_the_fit_report_shows_traits_classification_error_and_residuals(tmp_path):
    """The residuals are pairs of questions that are associated beyond the tables."""
    page = Page(fitted(tmp_path))
    words = " ".join(page.words)

    for expected in ("How clearly the personas differ", "classification error", "Largest bivariate residuals", "Q.8"):
        assert expected in words


@pytest.mark.parametrize("how", [("--personas", "2", "--columns", ",".join(f"Q.{n}" for n in range(9))), ("--label", "Who?")])
def test_fit_writes_its_report_beside_the_bank(tmp_path, how):
    """With found personas, and with labelled ones, against which it measures agreement."""
    answers, out = tmp_path / "answers.csv", tmp_path / "report.html"
    answers.write_text(planted(), encoding="utf-8")
    done = CliRunner().invoke(main, ["fit", str(answers), *how, "--out", str(tmp_path / "bank.yaml"), "--report", str(out)])

    assert done.exit_code == 0, done.output
    words = " ".join(Page(out.read_text(encoding="utf-8")).words)
    assert "Fitted on 300 respondents from answers.csv" in " ".join(words.split())
    assert ("the label in the file" in words) == (how[0] == "--label")


def test_a_report_path_that_cannot_be_written_is_refused(tmp_path):
    """Exit 1."""
    words = ["simulate", str(EXAMPLE), "--survey", "website", "--respondents", "50", "--report", str(tmp_path / "no" / "out.html")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert "cannot be written: No such file or directory" in done.stderr
