"""The sentences of the check in French: the catalogue has what the code writes, and says the same of the same names."""

import ast
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from question_bank.files import load
from question_bank.files.load import check_bank
from survey_service.console.check_sentences import FOLDER, GAP, checked, place, translated
from tests.survey_service.console.browsers import signed_in
from tests.survey_service.service import BANK

CHECK = sorted(Path(load.__file__).parent.glob("*.py"))
NO_SENTENCE = re.compile(
    r"(?:Expecting|Extra data|block sequence|mapping values|tab character|cannot start any|expected |end of stream|undefined alias).*|"
    r"the database|"
    r".{0,4}\{\}|less than|more than|not (?:more|less) than|\W+|(?:item|persona) \S+|write \{\{\}\}|[^a-z]*"
)
"""What the code compares or puts together, and a reader never sees by itself."""
MOST_MISSING = 0.05
"""Share of sentences that may be new: they are shown in English until they are translated."""


def written() -> set[str]:
    """Return every text with words that the check is made of, with `x` in its gaps, but for docstrings."""
    found = set()
    for file in CHECK:
        tree = ast.parse(file.read_text())
        described = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node) if part is not node}
        for node in ast.walk(tree):
            if id(node) in described | inside:
                continue
            if isinstance(node, ast.JoinedStr):
                found.add("".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return {text for text in found if " " in text.strip() and not NO_SENTENCE.fullmatch(text)}


def test_what_the_check_writes_is_translated():
    """Sentences of two parts, such as "is missing → add it", are translated part by part."""
    texts = written()
    missing = [
        text
        for text in sorted(texts)
        if any(translated(part.replace("{}", "x"), "fr") is None for part in text.removesuffix(" → {}").split(" → "))
    ]
    assert len(texts) > 200
    assert len(missing) <= MOST_MISSING * len(texts), missing


def test_the_catalogue_keeps_every_gap():
    """Nothing that a sentence names is lost, and French has its no-break spaces."""
    with (FOLDER / "checks-fr.po").open("rb") as file:
        for message in read_po(file):
            if message.id:
                assert sorted(GAP.findall(message.id)) == sorted(GAP.findall(message.string)), message.id
                assert not re.search(r"« | »", message.string), message.string


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[0.9, 0.1]", "[0.9, 0.3]"), "fait 1.2 en tout, pas 1"),
        (("questions: [owns, happy, km]", "questions: [owns, hapy]"), "il n’y a pas de question «\u00a0hapy\u00a0»"),
        (("max: 5", "max: many"), "«\u00a0many\u00a0» n’est pas un nombre"),
        (("id: family, name", "id: Family, name"), "n’est pas un identifiant"),
    ],
)
def test_a_mistake_is_said_in_french(change, said):
    """With what to do; nothing of it is marked as English."""
    report = check_bank(BANK.replace(*change), "bank")
    problems = [(problem.wrong, problem.todo) for problem in report.errors]
    french = [str(checked(text, "fr")) for pair in problems for text in pair]
    assert problems
    assert not any("<span" in text for text in french), french
    assert any(said.replace("«\u00a0many\u00a0»", "many") in text.replace("&#34;", "") or said in text for text in french), french


def test_what_is_not_known_stays_english_and_says_so():
    """It is escaped, and marked for screen readers."""
    assert str(checked("sings <b>", "fr")) == '<span lang="en">sings &lt;b&gt;</span>'
    assert str(checked("sings <b>", "en")) == "sings &lt;b&gt;"
    assert place('survey "ask" > questions', "fr") == 'questionnaire "ask" > questions'


def test_the_page_of_a_draft_is_french(service):
    """Each mistake and warning of the text."""
    browser = signed_in(service)
    browser.post("/console/language", language="fr")
    browser.get("/console/b/cars/draft/yaml")
    browser.post("/console/b/cars/draft/yaml", text=BANK.replace("[0.9, 0.1]", "[0.9, 0.3]"))
    text = browser.get("/console/b/cars/draft/yaml").text
    assert "fait 1.2 en tout, pas 1" in text
    assert "donnez une probabilité par option" in text
    wrong = browser.post("/console/b/cars/draft/yaml/check", text=BANK.replace("[0.9, 0.1]", "[0.9, 0.3]") + "colour: red\n")
    messages = {problem["message"] for problem in wrong.json["problems"]}
    assert any("fait 1.2 en tout, pas 1" in message for message in messages)
    assert {problem["severity"] for problem in wrong.json["problems"]} == {"error"}
    assert browser.post("/console/b/cars/draft/yaml/check").json["problems"]
