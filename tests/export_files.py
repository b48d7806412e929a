"""Files of answers as people have them: exports of survey tools, sheets, SPSS and Stata, made with values of their own.

Each function writes one file into a folder and returns what must come of it: the questions of the bank, or a sentence.
"""

import csv
import io
import random
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

import openpyxl
import pyreadstat

RESPONDENTS = 40
SEGMENT = ("Savers", "Drivers")
YES_NO = ("no", "yes")


@dataclass(frozen=True)
class Expected:
    """What a file becomes: question id -> (type, outcomes), sentences of the summary, and words of `replay` and its exit code.

    With `code` 1 nothing is written, and `sentences` are the errors.
    """

    file: str
    questions: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    sentences: Sequence[str] = ()
    options: Sequence[str] = ()
    code: int = 0
    never: Sequence[str] = ()
    label: str = "segment"


MAKERS: list[Callable[[Path], Expected]] = []


def export(make: Callable[[Path], Expected]) -> Callable[[Path], Expected]:
    MAKERS.append(make)
    return make


def people(seed: int) -> tuple[random.Random, list[int]]:
    """A generator, and the segment of each respondent."""
    return random.Random(seed), [n % 2 for n in range(RESPONDENTS)]


def answers(seed: int, low: Sequence[str], high: Sequence[str]) -> list[str]:
    """A column: savers mostly choose among `low`, drivers among `high`; every value occurs."""
    rng, who = people(seed)
    column = [rng.choice(high if (k == 1) == (rng.random() < 0.85) else low) for k in who]
    for place, value in enumerate(dict.fromkeys([*low, *high])):
        column[2 * place + (value in high and value not in low)] = value
    return column


def ticks(seed: int, options: Sequence[str]) -> list[list[str]]:
    """Ticked options of each respondent, at least one."""
    rng, who = people(seed)
    rows = []
    for k in who:
        own = [option for place, option in enumerate(options) if rng.random() < (0.75 if place % 2 == k else 0.3)]
        rows.append(own or [rng.choice(options)])
    return rows


def segments() -> list[str]:
    return [SEGMENT[n % 2] for n in range(RESPONDENTS)]


def table(columns: Mapping[str, Sequence[object]]) -> list[list[str]]:
    return [["" if value is None else str(value) for value in row] for row in zip(*columns.values(), strict=True)]


def as_csv(rows: Sequence[Sequence[str]], separator: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=separator).writerows(rows)
    return text.getvalue()


def write(folder: Path, name: str, rows: Sequence[Sequence[str]], separator: str = ",", encoding: str = "utf-8") -> str:
    (folder / name).write_bytes(as_csv(rows, separator).encode(encoding))
    return name


def numbers(count: int = RESPONDENTS, start: int = 1) -> list[str]:
    return [str(start + n) for n in range(count)]


REASONS = ("Price", "Style", "Comfort")
AGREE = ("Strongly disagree", "Disagree", "Neither agree nor disagree", "Agree", "Strongly agree")
FIVE = "1 2 3 4 5"


@export
def surveymonkey(folder: Path) -> Expected:
    """Two header rows; an option's column holds its text; other answers are free text; contacts are personal."""
    own = ticks(1, REASONS)
    columns = {
        ("Respondent ID", ""): numbers(start=11807000),
        ("Collector ID", ""): ["400123"] * RESPONDENTS,
        ("Start Date", ""): ["11/02/2026 10:21:13 AM"] * RESPONDENTS,
        ("IP Address", ""): [f"10.1.2.{n}" for n in range(RESPONDENTS)],
        ("Email Address", ""): [f"r{n}@example.org" for n in range(RESPONDENTS)],
        ("segment", "Response"): segments(),
        ("Why did you buy, and why here?", "Price"): ["Price" if "Price" in row else "" for row in own],
        ("", "Style"): ["Style" if "Style" in row else "" for row in own],
        (" ", "Comfort"): ["Comfort" if "Comfort" in row else "" for row in own],
        ("  ", "Other (please specify)"): ["my sister's idea" if n == 7 else "" for n in range(RESPONDENTS)],
        ("How satisfied are you?", "Response"): answers(
            2, ["Dissatisfied", "Neither satisfied nor dissatisfied"], ["Satisfied", "Very satisfied"]
        ),
        ("Anything else?", "Open-Ended Response"): ["fine" if n % 5 == 0 else "" for n in range(RESPONDENTS)],
    }
    rows = [[one.strip() for one, _ in columns], [two for _, two in columns], *table(columns)]
    return Expected(
        write(folder, "surveymonkey.csv", rows),
        {
            "why-did-you-buy-and-why-here": ("multiple", "price style comfort"),
            "how-satisfied-are-you": ("scale", FIVE),
        },
        ['"Email Address" (an e-mail address)', '"Anything else?" (free text)', "the first 2 rows name the columns"],
        never=["sister", "example.org"],
    )


@export
def surveymonkey_numbers(folder: Path) -> Expected:
    """The export of numerical values: an option's column holds its place among the options, or nothing."""
    own = ticks(3, REASONS)
    rows = [
        ["Respondent ID", "segment", "Warum gekauft?", "", "", "Empfehlen Sie uns?"],
        ["", "Antwort", *REASONS, "Antwort"],
        *table(
            {
                "a": numbers(start=9001),
                "b": segments(),
                **{option: [str(place) if option in row else "" for row in own] for place, option in enumerate(REASONS, 1)},
                "c": answers(4, ["0", "3", "6"], ["8", "9", "10"]),
            }
        ),
    ]
    return Expected(
        write(folder, "surveymonkey-numbers.csv", rows),
        {"warum-gekauft": ("multiple", "price style comfort"), "empfehlen-sie-uns": ("scale", "0 1 2 3 4 5 6 7 8 9 10")},
    )


def qualtrics_columns(own: Sequence[Sequence[str]], *, coded: bool) -> dict[tuple[str, str, str], Sequence[str]]:
    def pick(option: str) -> list[str]:
        return [("1" if coded else option) if option in row else "" for row in own]

    words = answers(5, ["Strongly disagree", "Somewhat disagree"], ["Neither agree nor disagree", "Somewhat agree", "Strongly agree"])
    codes = answers(5, ["1", "2"], ["3", "4", "5"])
    return {
        ("StartDate", "Start Date", '{"ImportId":"startDate","timeZone":"America/Denver"}'): ["2026-05-01 10:00:00"] * RESPONDENTS,
        ("Status", "Response Type", '{"ImportId":"status"}'): ["IP Address"] * RESPONDENTS,
        ("Progress", "Progress", '{"ImportId":"progress"}'): ["100"] * RESPONDENTS,
        ("Duration (in seconds)", "Duration (in seconds)", '{"ImportId":"duration"}'): numbers(start=60),
        ("Finished", "Finished", '{"ImportId":"finished"}'): ["True"] * RESPONDENTS,
        ("ResponseId", "Response ID", '{"ImportId":"_recordId"}'): [f"R_{n:015d}" for n in range(RESPONDENTS)],
        ("LocationLatitude", "Location Latitude", '{"ImportId":"locationLatitude"}'): [f"48.{n}" for n in range(RESPONDENTS)],
        ("UserLanguage", "User Language", '{"ImportId":"userLanguage"}'): ["EN"] * RESPONDENTS,
        ("Q5_1", "Why did you buy? - Selected Choice - Price", '{"ImportId":"QID5","choiceId":"1"}'): pick("Price"),
        ("Q5_2", "Why did you buy? - Selected Choice - Style", '{"ImportId":"QID5","choiceId":"2"}'): pick("Style"),
        ("Q5_4", "Why did you buy? - Selected Choice - Other:", '{"ImportId":"QID5","choiceId":"4"}'): pick("Other:"),
        ("Q5_4_TEXT", "Why did you buy? - Other: - Text", '{"ImportId":"QID5_4_TEXT"}'): [
            "a gift" if n == 3 else "" for n in range(RESPONDENTS)
        ],
        ("Q6_1", "Do you agree? - It is fast", '{"ImportId":"QID6_1"}'): codes if coded else words,
        ("Q6_2", "Do you agree? - It is quiet", '{"ImportId":"QID6_2"}'): (codes if coded else words)[::-1],
        ("segment", "segment", '{"ImportId":"segment"}'): segments(),
    }


@export
def qualtrics(folder: Path) -> Expected:
    """Three header rows, choice text: the third is JSON; line breaks in the texts."""
    columns = qualtrics_columns(ticks(6, ("Price", "Style", "Other:")), coded=False)
    rows = [[name for name, _, _ in columns], [text.replace("? - ", "?\n - ") for _, text, _ in columns], [code for _, _, code in columns]]
    return Expected(
        write(folder, "qualtrics.csv", [*rows, *table(columns)]),
        {"q5": ("multiple", "price style other"), "q6_1": ("scale", FIVE), "q6_2": ("scale", FIVE)},
        ['"ResponseId" (an id)', '"Q5_4_TEXT" (free text)', '"LocationLatitude" (about where it came from)'],
        never=["a gift"],
    )


@export
def qualtrics_tsv(folder: Path) -> Expected:
    """Numeric values, tabs, UTF-16 with a byte order mark, as Qualtrics writes TSV."""
    columns = qualtrics_columns(ticks(7, ("Price", "Style", "Other:")), coded=True)
    rows = [[name for name, _, _ in columns], [text for _, text, _ in columns], [code for _, _, code in columns]]
    return Expected(
        write(folder, "qualtrics.tsv", [*rows, *table(columns)], "\t", "utf-16"),
        {"q5": ("multiple", "price style other"), "q6_1": ("scale", FIVE), "q6_2": ("scale", FIVE)},
    )


@export
def limesurvey_codes(folder: Path) -> Expected:
    """Question codes and answer codes: an option is Y or empty, its text in [other], times of groups."""
    own = ticks(8, ("SQ001", "SQ002", "SQ003"))
    columns = {
        "id": numbers(),
        "submitdate": ["2026-05-01 10:00:00"] * RESPONDENTS,
        "lastpage": ["4"] * RESPONDENTS,
        "startlanguage": ["de"] * RESPONDENTS,
        "seed": [str(1789000000 + 7919 * n) for n in range(RESPONDENTS)],
        "segment": segments(),
        **{f"G1Q1[{code}]": ["Y" if code in row else "" for row in own] for code in ("SQ001", "SQ002", "SQ003")},
        "G1Q1[other]": ["Zufall" if n == 4 else "" for n in range(RESPONDENTS)],
        "G1Q2": answers(9, ["A1", "A2"], ["A3", "-oth-"]),
        "G2Q1[SQ001]": answers(10, ["1", "2"], ["4", "5"]),
        "G2Q1[SQ002]": answers(11, ["1", "2"], ["3", "4"]),
        "interviewtime": [f"{60 + n}.25" for n in range(RESPONDENTS)],
        "groupTime17": [f"{20 + n}.5" for n in range(RESPONDENTS)],
        "G1Q1Time": [f"{5 + n}.5" for n in range(RESPONDENTS)],
    }
    return Expected(
        write(folder, "limesurvey.csv", [list(columns), *table(columns)]),
        {
            "g1q1": ("multiple", "sq001 sq002 sq003"),
            "g1q2": ("single", "oth a1 a2 a3"),
            "g2q1-sq001": ("scale", FIVE),
            "g2q1-sq002": ("scale", FIVE),
        },
        ['"seed" (an id)', '"groupTime17" (a duration)', '"G2Q1[SQ002]" from 1 to 5'],
        never=["Zufall"],
    )


@export
def limesurvey_labels(folder: Path) -> Expected:
    """Full texts and full answers in German, semicolons, a byte order mark: Ja or Nein for each option; N/A where not shown."""
    own = ticks(12, ("Preis", "Stil"))
    columns = {
        "Antwort-ID": numbers(),
        "Datum Abgeschickt": ["2026-05-01 10:00:00"] * RESPONDENTS,
        "Start-Sprache": ["de"] * RESPONDENTS,
        "segment": segments(),
        "Warum? [Preis]": ["Ja" if "Preis" in row else "Nein" for row in own],
        "Warum? [Stil]": ["Ja" if "Stil" in row else "Nein" for row in own],
        "Wie oft fahren Sie?": answers(13, ["nie", "selten", "Manchmal"], ["oft", "immer"]),
        "Stimmen Sie zu?": answers(
            14,
            ["stimme überhaupt nicht zu", "stimme eher nicht zu", "keine Antwort"],
            ["teils/teils", "stimme eher zu", "Stimme voll und ganz zu"],
        ),
    }
    return Expected(
        write(folder, "limesurvey-labels.csv", [list(columns), *table(columns)], ";", "utf-8-sig"),
        {"warum": ("multiple", "preis stil"), "wie-oft-fahren-sie": ("scale", FIVE), "stimmen-sie-zu": ("scale", FIVE)},
        ['"keine Antwort" not answered', '1 "Nie" to 5 "Immer" (frequency)'],
        options=("--language", "de"),
    )


@export
def google_forms(folder: Path) -> Expected:
    """Several options in a cell, one of which holds a comma; a grid; the reply address of the respondent."""
    columns = {
        "Timestamp": [f"2026/05/01 10:{n:02d}:05 AM GMT+2" for n in range(RESPONDENTS)],
        "Email Address": [f"r{n}@example.org" for n in range(RESPONDENTS)],
        "segment": segments(),
        "Why did you buy?": [", ".join(row) for row in ticks(15, ("Price, including delivery", "Style", "Comfort"))],
        "How do you rate us? [Speed]": answers(16, ["1", "2"], ["4", "5"]),
        "How do you rate us? [Service]": answers(17, ["2", "3"], ["4"]),
        "Would you come back?": answers(18, ["No", "Maybe"], ["Yes"]),
    }
    return Expected(
        write(folder, "google-forms.csv", [list(columns), *table(columns)]),
        {
            "why-did-you-buy": ("multiple", "price-including-delivery style comfort"),
            "how-do-you-rate-us-speed": ("scale", FIVE),
            "how-do-you-rate-us-service": ("scale", FIVE),
            "would-you-come-back": ("single", "maybe no yes"),
        },
        ['"Price, including delivery", "Style", "Comfort"', '--type "Why did you buy?=single"'],
    )


@export
def google_forms_french(folder: Path) -> Expected:
    """Horodateur, oui and non, no-break spaces, words of satisfaction with their endings."""
    columns = {
        "Horodateur": ["01/05/2026 10:00:05"] * RESPONDENTS,
        "segment": segments(),
        "Êtes-vous satisfait(e) ?": answers(
            19, ["Pas du tout satisfait(e)", "Plutôt insatisfait(e)"], ["Plutôt\u00a0satisfait(e)", "Très satisfait(e)"]
        ),
        "Avez-vous une voiture ?": answers(20, ["Non"], ["Oui", "OUI ", "Sans réponse"]),
        "Usages": [", ".join(row) for row in ticks(21, ("Ville", "Route", "Vacances"))],
    }
    return Expected(
        write(folder, "google-forms-fr.csv", [list(columns), *table(columns)]),
        {
            "etes-vous-satisfait-e": ("scale", "1 2 3 4"),
            "avez-vous-une-voiture": ("single", "no yes"),
            "usages": ("multiple", "ville route vacances"),
        },
        ['"Sans réponse" not answered'],
        options=("--language", "fr"),
    )


@export
def typeform(folder: Path) -> Expected:
    """A column an option under its own name, without the question; network ids and dates in UTC."""
    own = ticks(22, REASONS)
    columns = {
        "#": [f"a{n:031x}" for n in range(RESPONDENTS)],
        "How old are you?": answers(23, ["23", "31", "99"], ["47", "58", "66", "71"]),
        **{option: [option if option in row else "" for row in own] for option in REASONS},
        "segment": segments(),
        "Response Type": ["completed"] * RESPONDENTS,
        "Start Date (UTC)": ["2026-05-01 10:00:05"] * RESPONDENTS,
        "Submit Date (UTC)": ["2026-05-01 10:03:05"] * RESPONDENTS,
        "Network ID": [f"b{n:09x}" for n in range(RESPONDENTS)],
        "Tags": [""] * RESPONDENTS,
    }
    return Expected(
        write(folder, "typeform.csv", [list(columns), *table(columns)]),
        {"how-old-are-you": ("number", ""), "price-style-comfort": ("multiple", "price style comfort")},
        ['"Price, Style, Comfort" in 3 columns', '"Network ID" (an id)'],
    )


@export
def microsoft_forms(folder: Path) -> Expected:
    """An Excel file: options separated and ended by semicolons, dates of Excel, names and addresses."""
    import datetime

    book = openpyxl.Workbook()
    book.active.append(["ID", "Start time", "Completion time", "Email", "Name", "segment", "Why did you buy?", "How likely is it?"])
    likely = answers(24, ["Very unlikely", "Unlikely"], ["Neither likely nor unlikely", "Likely", "Very likely"])
    for n, row in enumerate(ticks(25, REASONS)):
        when = datetime.datetime(2026, 5, 1, 10, n)
        book.active.append([n + 1, when, when, "anonymous", f"Ann Other {n}", SEGMENT[n % 2], ";".join(row) + ";", likely[n]])
    book.save(folder / "forms.xlsx")
    return Expected(
        "forms.xlsx",
        {"why-did-you-buy": ("multiple", "price style comfort"), "how-likely-is-it": ("scale", FIVE)},
        ['"Name" (a name)', '"Completion time" (a time stamp)', 'separated by ";"'],
        never=["Ann Other"],
    )


@export
def sosci(folder: Path) -> Expected:
    """Names and texts, UTF-16 with tabs: 1 not chosen and 2 chosen, -9 not answered, -1 don't know, times of pages."""
    own = ticks(26, ("AB01_01", "AB01_02"))
    columns = {
        ("CASE", "Interview-Nummer (fortlaufend)"): numbers(start=41),
        ("SERIAL", "Personenkennung oder Teilnahmecode (sofern verwendet)"): [""] * RESPONDENTS,
        ("QUESTNNR", "Fragebogen, der im Interview verwendet wurde"): ["base"] * RESPONDENTS,
        ("STARTED", "Zeitpunkt zu dem das Interview begonnen hat"): ["2026-05-01 10:00:00"] * RESPONDENTS,
        ("AB01_01", "Gründe: Preis"): ["2" if "AB01_01" in row else "1" for row in own],
        ("AB01_02", "Gründe: Stil"): ["2" if "AB01_02" in row else "1" for row in own],
        ("AB02_01", "Zustimmung: schnell"): answers(27, ["1", "2", "-9"], ["4", "5", "-1"]),
        ("AB02_02", "Zustimmung: leise"): answers(28, ["1", "2"], ["3", "4"]),
        ("segment", "Gruppe"): segments(),
        ("TIME001", "Verweildauer Seite 1"): numbers(start=10),
        ("FINISHED", "Wurde die Befragung abgeschlossen"): ["1"] * RESPONDENTS,
        ("MISSING", "Anteil fehlender Antworten in Prozent"): ["0"] * RESPONDENTS,
    }
    rows = [[name for name, _ in columns], [text for _, text in columns], *table(columns)]
    return Expected(
        write(folder, "sosci.csv", rows, "\t", "utf-16"),
        {"ab01": ("multiple", "preis stil"), "ab02_01": ("scale", FIVE), "ab02_02": ("scale", FIVE)},
        ['"-9" not answered', '"TIME001" (a duration)'],
    )


@export
def spss(folder: Path) -> Expected:
    """Labels, user-missing values, a nominal variable without labels, a weight, a label that nobody chose."""
    import pandas

    happy = [float(value) for value in answers(29, ["1", "2", "98"], ["4", "5", "99"])]
    frame = pandas.DataFrame(
        {
            "happy": happy,
            "gender": [float(value) for value in answers(30, ["1"], ["2"])],
            "fuel": [float(value) for value in answers(31, ["1", "2"], ["3"])],
            "region": [float(value) for value in answers(32, ["3", "7"], ["11", "16"])],
            "segment": [float(1 + n % 2) for n in range(RESPONDENTS)],
            "wt": [0.5 + n / RESPONDENTS for n in range(RESPONDENTS)],
        }
    )
    pyreadstat.write_sav(
        frame,
        folder / "spss.sav",
        column_labels={"happy": "How happy are you?", "gender": "Gender", "fuel": "What do you drive?"},
        variable_value_labels={
            "happy": {1: "Not at all", 5: "Completely", 98: "Don't know", 99: "Refused"},
            "gender": {1: "Male", 2: "Female", 3: "Diverse"},
            "fuel": {1: "Petrol", 2: "Diesel", 3: "Electric"},
            "segment": {1: "Savers", 2: "Drivers"},
        },
        missing_ranges={"happy": [{"lo": 98, "hi": 99}]},
        variable_measure={"region": "nominal", "happy": "ordinal"},
    )
    return Expected(
        "spss.sav",
        {
            "happy": ("scale", FIVE),
            "gender": ("single", "male female diverse"),
            "fuel": ("single", "petrol diesel electric"),
            "region": ("single", "3 7 11 16"),
        },
        ['"Don\'t know" do not know', '"Refused" do not want to say', '"wt" (a weight)'],
    )


@export
def spss_multiple(folder: Path) -> Expected:
    """A multiple response set of 0 and 1 with labels, texts that share their beginning."""
    import pandas

    own = ticks(33, REASONS)
    frame = pandas.DataFrame({f"q7_{n}": [float(option in row) for row in own] for n, option in enumerate(REASONS, 1)})
    frame["age"] = [float(value) for value in answers(34, ["19", "33", "99"], ["41", "64", "77"])]
    frame["segment"] = segments()
    pyreadstat.write_sav(
        frame,
        folder / "multiple.sav",
        column_labels={f"q7_{n}": f"Reasons to buy: {option}" for n, option in enumerate(REASONS, 1)},
        variable_value_labels={f"q7_{n}": {0: "Not selected", 1: "Selected"} for n in range(1, 4)},
    )
    return Expected("multiple.sav", {"q7": ("multiple", "price style comfort"), "age": ("number", "")})


@export
def stata(folder: Path) -> Expected:
    """Labels of Stata; words of agreement that become a scale in their order, with the point that nobody chose."""
    import pandas

    frame = pandas.DataFrame(
        {
            "fast": [int(value) for value in answers(35, ["2"], ["3", "4", "5"])],
            "car": [int(value) for value in answers(36, ["0"], ["1"])],
            "segment": segments(),
        }
    )
    pyreadstat.write_dta(
        frame,
        folder / "stata.dta",
        column_labels={"fast": "It is fast", "car": "Do you own a car?"},
        variable_value_labels={"fast": dict(enumerate(AGREE, 1)), "car": {0: "No", 1: "Yes"}},
    )
    return Expected("stata.dta", {"fast": ("scale", FIVE), "car": ("single", "no yes")}, ["(agreement)"])


@export
def opendocument(folder: Path) -> Expected:
    """An .ods file as LibreOffice saves it."""
    rows = [
        ["segment", "colour", "stars"],
        *table({"s": segments(), "c": answers(37, ["red", "Red "], ["blue"]), "n": answers(38, ["1", "2"], ["3", "4"])}),
    ]
    cells = "".join(
        "<table:table-row>"
        + "".join(f'<table:table-cell office:value-type="string"><text:p>{escape(cell)}</text:p></table:table-cell>' for cell in row)
        + "</table:table-row>"
        for row in rows
    )
    names = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text"))
    body = f'<table:table table:name="Answers">{cells}</table:table>'
    for name in ("office:spreadsheet", "office:body"):
        body = f"<{name}>{body}</{name}>"
    content = f'<office:document-content {names} office:version="1.2">{body}</office:document-content>'
    with zipfile.ZipFile(folder / "sheet.ods", "w") as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        file.writestr(
            "META-INF/manifest.xml", '<?xml version="1.0"?><m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
        )
        file.writestr("content.xml", content)
    return Expected("sheet.ods", {"colour": ("single", "blue red"), "stars": ("scale", "1 2 3 4")})


@export
def merged_sheet(folder: Path) -> Expected:
    """A title, merged header cells, numbers and a code stored as text, and a row of totals."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Customer survey 2026"])
    sheet.append([])
    sheet.append(["No.", "segment", "Reasons", None, None, "Rating"])
    sheet.append([None, None, *REASONS, None])
    stars = answers(39, ["1", "2"], ["4", "5", "9"])
    for n, row in enumerate(ticks(40, REASONS)):
        sheet.append([n + 1, SEGMENT[n % 2], *("x" if option in row else None for option in REASONS), stars[n]])
    sheet.append(["Total", None, None, None, None, sum(map(int, stars))])
    sheet.merge_cells("C3:E3")
    book.save(folder / "merged.xlsx")
    return Expected(
        "merged.xlsx",
        {"reasons": ("multiple", "price style comfort"), "rating": ("scale", FIVE)},
        ["line 1 above the names of the columns left out", "line 45 below the answers left out", '"9" not answered'],
    )


def two_sheets(folder: Path, name: str) -> str:
    book = openpyxl.Workbook()
    book.active.title = "2025"
    for title in ("2025", "2026"):
        sheet = book[title] if title in book.sheetnames else book.create_sheet(title)
        for row in [["segment", "stars"], *table({"s": segments(), "n": answers(41, ["1", "2"], ["3", "4"])})]:
            sheet.append(row)
    book.save(folder / name)
    return name


@export
def several_sheets(folder: Path) -> Expected:
    """Two sheets with tables: none is read by itself."""
    return Expected(
        two_sheets(folder, "sheets.xlsx"),
        code=1,
        sentences=['several sheets with tables: "2025" (41 rows), "2026" (41 rows)', "--sheet NAME"],
    )


@export
def a_chosen_sheet(folder: Path) -> Expected:
    return Expected(two_sheets(folder, "chosen.xlsx"), {"stars": ("scale", "1 2 3 4")}, options=("--sheet", "2026"))


@export
def encrypted(folder: Path) -> Expected:
    """A workbook with a password is a compound file that holds the encrypted package."""
    content = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16-le") + bytes(1000)
    (folder / "secret.xlsx").write_bytes(content)
    return Expected("secret.xlsx", code=1, sentences=["secret.xlsx: is encrypted: open it with its password"])


@export
def empty_file(folder: Path) -> Expected:
    (folder / "empty.sav").write_bytes(b"")
    return Expected("empty.sav", code=1, sentences=["empty.sav: is empty"])


@export
def broken_spss(folder: Path) -> Expected:
    (folder / "broken.sav").write_bytes(b"$FL2@(#) SPSS DATA FILE, cut short")
    return Expected("broken.sav", code=1, sentences=["broken.sav: is not a readable SPSS file"])


@export
def codes_for_no_answer(folder: Path) -> Expected:
    """Codes far off a scale are silence; what belongs to a scale, and 99 among ages, are answers."""
    columns = {
        "segment": segments(),
        "five": answers(42, ["1", "2", "9"], ["3", "4", "5", "8"]),
        "seven": answers(43, ["1", "2", "3", "99"], ["4", "5", "6", "7", "98", "97"]),
        "minus": answers(44, ["0", "1", "-1"], ["2", "3", "-9"]),
        "nps": answers(45, ["0", "2", "4"], ["7", "9", "10"]),
        "ten": answers(46, ["1", "2", "3"], ["8", "9", "10"]),
        "age": answers(47, ["21", "34", "42", "999"], ["57", "66", "78", "99"]),
        "trend": answers(48, ["-2", "-1"], ["0", "1", "2"]),
    }
    return Expected(
        write(folder, "codes.csv", [list(columns), *table(columns)]),
        {
            "five": ("scale", FIVE),
            "seven": ("scale", "1 2 3 4 5 6 7"),
            "minus": ("scale", "0 1 2 3"),
            "nps": ("scale", "0 1 2 3 4 5 6 7 8 9 10"),
            "ten": ("scale", "1 2 3 4 5 6 7 8 9 10"),
            "age": ("number", ""),
            "trend": ("scale", "-2 -1 0 1 2"),
        },
        [
            '"five": "9" not answered',
            '"8" do not know',
            '"97" do not want to say',
            '"age": "999" not answered',
            '"minus": "-1" not answered',
        ],
    )


@export
def a_code_that_is_said(folder: Path) -> Expected:
    """0 of 0 to 5 is a point, and a doubt is said; --missing makes it silence."""
    columns = {"segment": segments(), "stars": answers(49, ["0", "1", "2"], ["3", "4", "5"]), "q": answers(50, ["1", "2"], ["3", "4"])}
    return Expected(
        write(folder, "zero.csv", [list(columns), *table(columns)]),
        {"stars": ("scale", FIVE), "q": ("scale", "1 2 3 4")},
        ['"stars": "0" not answered'],
        options=("--missing", "stars=0"),
    )


@export
def a_doubtful_zero(folder: Path) -> Expected:
    columns = {"segment": segments(), "stars": answers(49, ["0", "1", "2"], ["3", "4", "5"]), "q": answers(50, ["1", "2"], ["3", "4"])}
    return Expected(
        write(folder, "doubtful.csv", [list(columns), *table(columns)]),
        {"stars": ("scale", "0 1 2 3 4 5"), "q": ("scale", "1 2 3 4")},
        ['column "stars": "0" is read as the lowest point of 0 to 5: if it means no answer, say --missing "stars=0"'],
    )


@export
def words_for_no_answer(folder: Path) -> Expected:
    """The words of four languages; NA among codes of countries is one of them; None of these is an answer."""
    columns = {
        "segment": segments(),
        "a": answers(51, ["red", "N/A", "Don\u2019t know"], ["blue", "Prefer not to say", "."]),
        "b": answers(52, ["rouge", "Sans réponse"], ["bleu", "Ne sait pas", "NaN"]),
        "c": answers(53, ["rot", "Keine Angabe"], ["blau", "weiß nicht"]),
        "d": answers(54, ["rojo", "No contesta"], ["azul", "NS/NC"]),
        "country": answers(55, ["DE", "NA"], ["FR", "IT"]),
        "brand": answers(56, ["Alpha", "None of these"], ["Beta"]),
    }
    return Expected(
        write(folder, "words.csv", [list(columns), *table(columns)]),
        {
            "a": ("single", "blue red"),
            "b": ("single", "bleu rouge"),
            "c": ("single", "blau rot"),
            "d": ("single", "azul rojo"),
            "country": ("single", "de fr it na"),
            "brand": ("single", "alpha beta none-of-these"),
        },
        ['"Prefer not to say" do not want to say', '"weiß nicht" do not know', '"NS/NC" do not know'],
    )


@export
def ordered_words(folder: Path) -> Expected:
    """Words in their order, whatever their case and spaces; a point that only another column has is kept."""
    columns = {
        "segment": segments(),
        "fast": answers(57, ["strongly disagree", "Disagree"], ["agree", "Agree ", "Strongly\u00a0agree", "Neither agree nor disagree"]),
        "quiet": answers(58, ["Agree", "neither agree nor disagree"], ["Strongly Agree"]),
        "fréquence": answers(59, ["jamais", "rarement"], ["parfois", "souvent", "toujours"]),
        "zufrieden": answers(60, ["sehr unzufrieden", "eher unzufrieden"], ["eher zufrieden", "sehr zufrieden"]),
        "probable": answers(61, ["muy improbable", "improbable"], ["probable", "muy probable"]),
        "important": answers(62, ["not at all important", "slightly important"], ["important", "very important"]),
    }
    return Expected(
        write(folder, "ordered.csv", [list(columns), *table(columns)]),
        {
            "fast": ("scale", FIVE),
            "quiet": ("scale", FIVE),
            "frequence": ("scale", FIVE),
            "zufrieden": ("scale", "1 2 3 4"),
            "probable": ("scale", "1 2 3 4"),
            "important": ("scale", "1 2 3 4"),
        },
        [
            '"quiet" from 1 "Strongly disagree" to 5 "Strongly Agree"',
            '1 "Jamais" to 5 "Toujours"',
            '1 "Sehr unzufrieden" to 4 "Sehr zufrieden"',
        ],
    )


@export
def numbered_labels(folder: Path) -> Expected:
    """Points with labels at their ends; numbers before different things are no scale."""
    columns = {
        "segment": segments(),
        "clear": answers(63, ["1 - Not at all", "2"], ["4", "5 - Completely"]),
        "score": answers(64, ["0 (very bad)", "3", "5"], ["8", "10 (very good)"]),
        "vehicle": answers(65, ["1. Car", "2. Bike"], ["3. Train"]),
    }
    return Expected(
        write(folder, "numbered.csv", [list(columns), *table(columns)]),
        {
            "clear": ("scale", FIVE),
            "score": ("scale", "0 1 2 3 4 5 6 7 8 9 10"),
            "vehicle": ("single", "1-car 2-bike 3-train"),
        },
        ['"clear" from 1 "Not at all" to 5 "Completely"'],
    )


@export
def yes_and_no(folder: Path) -> Expected:
    columns = {
        "segment": segments(),
        "voiture": answers(66, ["non"], ["oui", "Oui"]),
        "auto": answers(67, ["nein"], ["ja"]),
        "coche": answers(68, ["no"], ["sí"]),
        "flag": answers(69, ["FALSE"], ["TRUE"]),
        "kind": answers(70, ["N"], ["Y"]),
        "mobil": answers(71, ["nicht genannt"], ["genannt"]),
    }
    names = [name for name in columns if name != "segment"]
    return Expected(
        write(folder, "yes.csv", [list(columns), *table(columns)]),
        {name: ("single", "false true" if name == "flag" else "no yes") for name in names},
    )


@export
def written_numbers(folder: Path) -> Expected:
    """Money and measures as people write them, in a file of cells with quotes."""
    columns = {
        "segment": segments(),
        "revenu": answers(72, ["18 000 €", "22\u202f500 €"], ["45 000 €", "61\u00a0000 €"]),
        "umsatz": answers(73, ["1.234,56", "980,5"], ["12.345,00", "8.000,25"]),
        "income": answers(74, ["$25,000", "$31,500"], ["$45,000", "$112,000"]),
        "distance": answers(75, ["3 km", "7.5 km"], ["40 km", "120 km"]),
        "share": answers(76, ["5%", "10 %"], ["60%", "85%"]),
    }
    return Expected(
        write(folder, "money.csv", [list(columns), *table(columns)]),
        {name: ("number", "") for name in columns if name != "segment"},
    )


@export
def personal_data(folder: Path) -> Expected:
    """Nothing of a person becomes a question, under whatever name."""
    columns = {
        "segment": segments(),
        "Contact": [f"r{n % 9}@example.org" for n in range(RESPONDENTS)],
        "Reach me at": [f"+33 6 12 34 56 {n:02d}" for n in range(RESPONDENTS)],
        "First name": answers(77, ["Ann", "Bob"], ["Cyd", "Dan"]),
        "Nachname": answers(78, ["Meier"], ["Huber"]),
        "PLZ": answers(79, ["10115", "20095"], ["80331"]),
        "Street": [f"Main Street {n % 7}" for n in range(RESPONDENTS)],
        "Date de naissance": answers(80, ["01/02/1980"], ["03/04/1991"]),
        "Konto": ["DE89 3704 0044 0532 0130 00" if n % 2 else "FR7630006000011234567890189" for n in range(RESPONDENTS)],
        "Visitor": [f"192.168.0.{n % 5}" for n in range(RESPONDENTS)],
        "What did you like most about it?": [
            f"the {('quiet', 'fast', 'cheap')[n % 3]} and very friendly people number {n % 29}" for n in range(RESPONDENTS)
        ],
        "stars": answers(81, ["1", "2"], ["4", "5"]),
    }
    return Expected(
        write(folder, "personal.csv", [list(columns), *table(columns)]),
        {"stars": ("scale", FIVE)},
        [
            *(
                '"Contact" (an e-mail address)',
                '"Reach me at" (a phone number)',
                '"First name" (a name)',
                '"PLZ" (a postcode)',
                '"Street" (an address)',
            ),
            *(
                '"Date de naissance" (a date of birth)',
                '"Konto" (a bank account)',
                '"Visitor" (an IP address)',
                '"What did you like most about it?" (free text)',
            ),
        ],
        never=["Huber", "example.org", "friendly", "80331"],
    )


@export
def beside_the_answers(folder: Path) -> Expected:
    """Weights, ids, times and devices are no questions."""
    columns = {
        "respid": numbers(start=500),
        "segment": segments(),
        "weight": [f"{0.5 + n / 50:.2f}" for n in range(RESPONDENTS)],
        "Gewicht": [f"{0.7 + n / 60:.3f}" for n in range(RESPONDENTS)],
        "start_time": [f"2026-05-01T10:{n:02d}:00Z" for n in range(RESPONDENTS)],
        "qtime": [f"{n + 100}.5" for n in range(RESPONDENTS)],
        "spent": [f"00:0{n % 9}:1{n % 8}" for n in range(RESPONDENTS)],
        "useragent": ["Mozilla/5.0 (X11)" if n % 2 else "Mozilla/5.0 (iPhone)" for n in range(RESPONDENTS)],
        "Device Type": answers(82, ["Desktop"], ["Smartphone"]),
        "landing": [f"https://shop.example/{n % 4}" for n in range(RESPONDENTS)],
        "body weight": answers(83, ["61.5", "70.2"], ["84.1", "92.3"]),
    }
    return Expected(
        write(folder, "beside.csv", [list(columns), *table(columns)]),
        {"body-weight": ("number", "")},
        [
            '"weight" (a weight)',
            '"Gewicht" (a weight)',
            '"spent" (a duration)',
            '"landing" (about where it came from)',
            '"Device Type" (about the device)',
        ],
    )


@export
def a_spreadsheet_of_windows(folder: Path) -> Expected:
    """Semicolons, Windows-1252, decimal commas, quoted line breaks, empty columns and lines at the end, and a footer."""
    columns = {
        "segment": segments(),
        "größe": answers(84, ["1,5", "2"], ["2,75", "3,5"]),
        "Wo?\n(eine Antwort)": answers(85, ["zu Hause", "Zu  Hause"], ["im Büro"]),
        "stars": answers(86, ["1", "2"], ["3", "4"]),
        "": [""] * RESPONDENTS,
        " ": [""] * RESPONDENTS,
    }
    rows = [
        [name.strip() for name in columns],
        *table(columns),
        [""] * 6,
        ["Quelle: Kundenbefragung 2026, eigene Erhebung", "", "", "", "", ""],
    ]
    return Expected(
        write(folder, "windows.csv", rows, ";", "cp1252"),
        {"groe": ("number", ""), "wo-eine-antwort": ("single", "im-buro zu-hause"), "stars": ("scale", "1 2 3 4")},
        ['left out: "Quelle: Kundenbefragung 2026, eigene Erhebung"'],
    )


@export
def marks_without_a_question(folder: Path) -> Expected:
    """Crosses in neighbouring columns are options of one question; a lone mark is yes, and nothing no."""
    own = ticks(87, REASONS)
    columns = {
        "segment": segments(),
        **{option: ["x" if option in row else "" for row in own] for option in REASONS},
        "stars": answers(88, ["1", "2"], ["4", "5"]),
        "newsletter": ["Y" if n % 2 or n % 5 == 0 else "" for n in range(RESPONDENTS)],
    }
    return Expected(
        write(folder, "marks.csv", [list(columns), *table(columns)]),
        {"price-style-comfort": ("multiple", "price style comfort"), "stars": ("scale", FIVE), "newsletter": ("single", "no yes")},
        ['"newsletter" holds a mark or nothing; an empty cell is read as no'],
    )


@export
def several_options_in_cells(folder: Path) -> Expected:
    """Semicolons, commas, bars, line breaks, lists of JSON and numbers; an answer with a comma stays one."""
    columns = {
        "segment": segments(),
        "semicolons": [";".join(row) for row in ticks(89, REASONS)],
        "commas": [", ".join(row) for row in ticks(90, REASONS)],
        "bars": [" | ".join(row) for row in ticks(91, REASONS)],
        "lines": ["\n".join(row) for row in ticks(92, REASONS)],
        "codes": [",".join(row) for row in ticks(93, ("1", "2", "3", "4"))],
        "one": answers(94, ["Yes, often", "Yes, rarely"], ["No, never", "No, not yet"]),
    }
    return Expected(
        write(folder, "several.csv", [list(columns), *table(columns)]),
        {
            **dict.fromkeys(("semicolons", "commas", "bars", "lines"), ("multiple", "price style comfort")),
            "codes": ("multiple", "1 2 3 4"),
            "one": ("single", "no-never no-not-yet yes-often yes-rarely"),
        },
        ["separated by a line break"],
    )


@export
def own_words(folder: Path) -> Expected:
    """What respondents wrote behind "other" becomes no option, neither alone nor among several."""
    said = [f"my neighbour Mrs Smith told me so in {2000 + n}" if n % 9 == 0 else "" for n in range(RESPONDENTS)]
    columns = {
        "segment": segments(),
        "reasons": [", ".join([*row, *([words] if words else [])]) for row, words in zip(ticks(104, REASONS), said, strict=True)],
        "heard": [words or value for words, value in zip(said, answers(105, ["Radio", "TV"], ["Press"]), strict=True)],
        "Phone": answers(106, ["iPhone"], ["Android"]),
    }
    return Expected(
        write(folder, "own.csv", [list(columns), *table(columns)]),
        {"reasons": ("multiple", "price style comfort"), "heard": ("single", "press radio tv"), "phone": ("single", "android iphone")},
        ['column "heard": 5 answers in own words, given once each, left out'],
        never=["Smith"],
    )


@export
def repeated_names(folder: Path) -> Expected:
    """Two columns of one name cannot be told apart."""
    columns = {"segment": segments(), "stars": answers(95, ["1", "2"], ["4", "5"]), "Stars": answers(96, ["1", "2"], ["4", "5"])}
    return Expected(
        write(folder, "twice.csv", [["segment", "stars", "stars"], *table(columns)]),
        code=1,
        sentences=['column "stars" stands there twice'],
    )


@export
def three_rows_of_names(folder: Path) -> Expected:
    """Sections, questions and options."""
    own = ticks(97, REASONS)
    marks = [["1" if option in row else "" for option in REASONS] for row in own]
    stars = answers(98, ["1", "2"], ["4", "5"])
    rows = [
        ["", "", "Part A", "", "", "Part B"],
        ["No.", "segment", "Reasons", "", "", "Stars"],
        ["", "", *REASONS, ""],
        *([str(n + 1), SEGMENT[n % 2], *marks[n], stars[n]] for n in range(RESPONDENTS)),
    ]
    return Expected(
        write(folder, "three.csv", rows),
        {"reasons": ("multiple", "price style comfort"), "stars": ("scale", FIVE)},
        ["the first 3 rows name the columns"],
    )


@export
def points_nobody_chose(folder: Path) -> Expected:
    """The columns of a grid share their scale."""
    columns = {
        "segment": segments(),
        "q3_1": answers(99, ["1", "2"], ["4", "5"]),
        "q3_2": answers(100, ["2", "3"], ["4"]),
        "q3_3": answers(101, ["1", "2"], ["3", "4"]),
    }
    return Expected(
        write(folder, "grid.csv", [list(columns), *table(columns)]),
        dict.fromkeys(("q3_1", "q3_2", "q3_3"), ("scale", FIVE)),
        ['"q3_2" from 1 to 5'],
    )


@export
def a_word_among_numbers(folder: Path) -> Expected:
    """A slip is not guessed at."""
    stars = answers(102, ["1", "2"], ["4", "5"])
    stars[11] = "foru"
    columns = {"segment": segments(), "stars": stars, "q": answers(103, ["1", "2"], ["3", "4"])}
    return Expected(
        write(folder, "slip.csv", [list(columns), *table(columns)]),
        code=1,
        sentences=['slip.csv:13: column "stars": "foru" is not a number like the others', "--type stars=single"],
    )
