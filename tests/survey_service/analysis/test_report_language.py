"""Reports in French: every text is translated with the same gaps, and numbers are written as people write them."""

import re
from pathlib import Path
from string import Formatter

import numpy as np
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from click.testing import CliRunner

from survey_service.analysis.reports import language
from survey_service.analysis.reports.language import FOLDER, gettext, number, override, percent
from survey_service.cli.main import main
from tests.survey_service.analysis.test_reports import EXAMPLE, Page

METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_text_is_translated():
    """Nothing is missing, nothing is left over, and each translation has the gaps of its text."""
    found = extract_from_dir(str(Path(language.__file__).parent), method_map=METHODS, keywords={"_": None, "mark": None})
    written = {text for _, _, text, _, _ in found}
    with (FOLDER / "fr.po").open("rb") as file:
        translated = {message.id: message.string for message in read_po(file) if message.id}

    assert len(written) > 200
    assert set(translated) == written
    for text, french in translated.items():
        assert french
        assert gaps(french) == gaps(text), text
        assert not re.search(r"[^ \d\u00a0«:][?!:;»]", french), f"a no-break space is missing: {french}"


def test_a_language_holds_for_what_is_written_inside():
    """Numbers, shares and texts are French inside only; a language without a catalogue is English."""
    with override("fr-CA"):
        assert (number(1234.5, ",.1f"), percent(0.123), percent(0.001)) == ("1\u202f234,5", "12\u00a0%", "<1\u00a0%")
        assert gettext("{persona} ({share} of all)", persona="{Anna}", share=percent(0.5)) == "{Anna} (50\u00a0% du total)"
    with override("de"):
        assert gettext("Who the personas are") == "Who the personas are"
    assert number(1234.5, ",.1f") == "1,234.5"


def test_a_replay_in_french_has_its_report_in_french(tmp_path):
    """`--language fr`: the texts of the bank, the sentences, the charts and the numbers."""
    answers, out = tmp_path / "answers.csv", tmp_path / "out.html"
    dice = np.random.default_rng(1)
    lines = [f"{dice.integers(1, 11)},{dice.choice(['both', 'private', ''])}" for _ in range(60)]
    answers.write_text("satisfaction,usage\n" + "\n".join(lines) + "\n")
    words = ["replay", str(EXAMPLE), "--answers", str(answers), "--survey", "website", "--language", "fr", "--report", str(out)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    text = out.read_text(encoding="utf-8")
    shown = " ".join(" ".join(Page(text).words).split())

    assert '<html lang="fr">' in text
    for french in (
        "Qui sont les personas",
        "60 répondants de answers.csv",
        "confiance annoncée",
        "trop sûr",
        "adaptatif",
        "À garder en tête",
    ):
        assert french in shown
    for english in ("respondents", "Right means", "stated", "The figures", "adaptive"):
        assert english not in shown, english
    assert not re.search(r"\d%", shown)
