"""Parsing YAML and JSON with line numbers: what standard parsers accept and a bank must not contain."""

import json
import time

import pytest

from question_bank.files.json_source import read_json
from question_bank.files.load import check_bank, read_bank
from question_bank.files.source import Unreadable
from question_bank.files.yaml_source import read_yaml
from tests.question_bank.a_bank import GOOD


def only_error(text):
    """The one error of a text that is no bank."""
    (problem,) = check_bank(text, "b.yaml").errors
    return problem.line, problem.wrong


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "2024-01-31", "1:30", "1_000", "007", "0x1F", "y", "=", "1.2.3"])
def test_only_true_and_false_are_booleans_and_only_plain_numbers_are_numbers(word):
    """The language `no` and times such as 1:30 stay strings, unlike in YAML 1.1."""
    assert read_yaml(f"- {word}").data == [word]


def test_constants_and_numbers_are_read():
    """In quotes they are strings."""
    assert read_yaml("[true, False, null, ~, 1, -2, .5, 1.5e3, +4, \"true\", '1', !!str 7]").data == [
        *(True, False, None, None, 1, -2, 0.5, 1500.0, 4, "true", "1", "7"),
    ]


def test_signs_need_quotes_only_where_yaml_requires_them():
    """In a flow row - and + are strings; a lone minus on its own line is an error that says so."""
    assert read_yaml("{a: ++, b: +, c: 0, d: -, e: --}").data == {"a": "++", "b": "+", "c": 0, "d": "-", "e": "--"}
    assert only_error("a:\n  b: -\n") == (2, "has a - where no list can start")


@pytest.mark.parametrize(
    ("text", "line", "wrong"),
    [
        ("", 1, "is empty"),
        (b"\xef\xbb\xbf \n", 1, "is empty"),
        ("# only a comment", 1, "is not a map of fields"),
        ("- a\n- b", 1, "is not a map of fields"),
        ("[1]", 1, "is not a map of fields"),
        ("just words", 1, "is not a map of fields"),
        ("bank: b\ntitle: a\0b", 2, "holds the control character 0x00"),
        (b"bank: b\ntitle: caf\xe9", 2, "is not UTF-8 text"),
        ("bank: b\ntitle: \ud800", 2, "is not UTF-8 text"),
        ("bank: " + "b" * (1 << 20), 1, "is larger than 1 MiB"),
        ("bank: b\n\ttitle: x", 2, "is indented with a tab"),
        ("bank: b\ntitle: a: b", 2, "has a : where none can stand"),
        ("bank: b\ntitle: [a", 3, "has a [ or { that is not closed, or misses a comma"),
        ('bank: b\ntitle: "a', 2, "has a quote that is not closed"),
        ("bank: b\ntitle: @a", 2, "starts with a character that YAML keeps for itself"),
        ("bank: b\ntitle: *a", 2, "uses *a, which is not defined above"),
        ("bank: &a [*a]", 1, "uses *a, which is not defined above"),
        ("bank: b\n<<: {title: x}", 2, "uses << to merge maps, which banks do not have"),
        ("bank: b\n? [x]\n: y", 2, "uses a list or a map as a name"),
        ("bank: b\n---\nbank: c", 2, "starts a second document"),
        ("bank: " + "[" * 40 + "]" * 40, 1, "is nested more than 32 levels deep"),
        ("bank: " + "[" * 500_000, 1, "is nested more than 32 levels deep"),
        ('{"bank":\n "b" "c"}', 2, "misses a ,"),
        ('{"bank" "b"}', 1, "misses a :"),
        ('{"bank": "b"} x', 1, "goes on after its last bracket"),
        ('{"bank": "b', 1, "cannot be read: Unterminated string starting at"),
        ('{"bank": ' + "[" * 500_000, 1, "is nested more than 32 levels deep"),
    ],
)
def test_a_syntax_error_is_one_problem_in_plain_words(text, line, wrong):
    """Parsing stops at the first syntax error, with its line and no consequential error."""
    assert only_error(text) == (line, wrong)


def test_a_duplicate_key_is_reported_with_both_lines():
    """YAML and JSON parsers would silently keep the second one."""
    again = read_yaml("a: 1\nb:\n  c: 2\n  c: {d: [3]}\n")
    (finding,) = again.findings
    assert (again.data, finding.path, finding.line) == ({"a": 1, "b": {"c": 2}}, ("b", "c"), 4)
    assert finding.wrong == "is written twice, first on line 3"

    (finding,) = read_json('{"a": 1,\n"a": 2}').findings
    assert (finding.path, finding.line, finding.wrong) == (("a",), 2, "is written twice, first on line 1")


@pytest.mark.parametrize("number", [".nan", ".inf", "-.inf", "1e999", "9" * 400])
def test_numbers_that_are_not_finite_are_reported_at_their_place(number):
    """NaN would make every belief NaN; it is reported once, and its row is not checked further."""
    text = json.dumps(GOOD, indent=1).replace("0.9,", f"{number},", 1)

    (problem,) = check_bank(text.replace('"bank"', "bank")).errors

    assert (problem.path, problem.wrong) == ("questions.0.likelihood.driver.0", "is not a finite number")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 5000])
def test_json_numbers_that_are_not_finite_are_reported(number):
    """Python's own parser accepts NaN and fails on very long integers."""
    (finding,) = read_json(f'{{"a": [0, {number}]}}').findings

    assert (finding.path, finding.wrong) == (("a", 1), "is not a finite number")


def test_escaped_characters_that_no_database_accepts_are_refused():
    """A NUL or half a surrogate pair written as an escape is refused as well."""
    assert [finding.path for finding in read_json('{"a": "\\u0000", "b": "\\ud800", "c": "\\ud83d\\ude00"}').findings] == [("a",), ("b",)]
    assert [finding.path for finding in read_yaml('{a: "\\0", b: "fine\\n"}').findings] == [("a",)]
    assert only_error('{\n"a\\ud800": 1}') == (2, "has a name that holds the character 0xd800, which cannot be shown")
    assert only_error('bank: b\n"\\0": 1') == (2, "has a name that holds the character 0x0000, which cannot be shown")


def test_tags_are_refused():
    """A tag could ask for any Python object."""
    (finding,) = read_yaml("a: !!python/name:os.system x").findings

    assert finding.wrong.startswith("has a tag")


def test_an_alias_has_the_value_of_its_anchor():
    """Equal rows may be written once; a problem below an alias is reported at the line of the alias."""
    source = read_yaml("a: &row [1, 2]\nb: *row\n")

    assert source.data == {"a": [1, 2], "b": [1, 2]}
    assert (source.line(("a", 1)), source.line(("b", 1))) == (1, 2)


def test_an_alias_bomb_is_refused_at_once():
    """Ten levels of ten aliases would be ten thousand million values."""
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 11))
    started = time.perf_counter()

    line, wrong = only_error(bomb)

    assert wrong == "holds more than 250,000 values, aliases counted"
    assert (line, time.perf_counter() - started < 1) == (6, True)


def test_aliases_cannot_nest_deeper_than_the_limit():
    """Each alias is shallow, but their combination is not."""
    chain = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60))

    assert only_error(chain)[1] == "is nested more than 32 levels deep"


def test_json_and_yaml_give_the_same_bank():
    """JSON with tabs, JSON on one line, and a YAML flow map that starts like JSON."""
    bank = read_bank(json.dumps(GOOD))

    assert read_bank(json.dumps(GOOD, indent="\t")) == bank
    assert read_bank("\ufeff" + json.dumps(GOOD).replace('"bank"', "bank", 1)) == bank


def test_json_values_have_line_numbers():
    """The line of a value in JSON is the line of its key."""
    source = read_json('{\n"a": [\n1,\n{"b":\n2}\n]}')

    assert source.data == {"a": [1, {"b": 2}]}
    assert [source.line(path) for path in [("a",), ("a", 0), ("a", 1), ("a", 1, "b"), ("a", 1, "c")]] == [2, 3, 4, 4, 4]


@pytest.mark.parametrize(
    "text", ["{", '{"a"', '{"a":', '{"a": tru}', '{"a": 01}', "[1 2]", '{"a": 1,,}', '{"a": 1,}', "[1,]", "{a: 1}", '{"a\n": 1}']
)
def test_broken_json_is_refused(text):
    """Nothing is guessed."""
    with pytest.raises(Unreadable):
        read_json(text)


@pytest.mark.parametrize(
    "value", [None, True, False, 0, -1, 1.5, 1e-7, "", 'é😀\n\t\\"/', [], {}, [[], [1, [2]]], {"a": {"b": [None]}, "": 1}]
)
def test_json_is_read_as_by_the_standard_parser(value):
    """The parser differs from the standard one only in what it refuses."""
    assert read_json(json.dumps(value)).data == read_json(json.dumps(value, ensure_ascii=False, indent=2)).data == value
