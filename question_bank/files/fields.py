"""The field types of a bank file. Each refuses a value with one message: ``what is wrong → what to do``."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, get_args

from marshmallow import ValidationError, fields

from question_bank.files.problems import join_names, number_slip, shorten, suggest
from question_bank.keywords import problems_of

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
SLUG_TODO = "use at most 64 lowercase letters, digits, - and _, starting with a letter or a digit"


class BankField(fields.Field[Any]):
    default_error_messages = {  # noqa: RUF012
        "required": "is missing → add it",
        "null": "is empty → write a value, or remove the line",
    }

    def refuse(self, wrong: str, todo: str) -> ValidationError:
        return ValidationError(f"{wrong} → {todo}")

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        return self.read(value)

    def read(self, value: Any) -> Any:
        raise NotImplementedError

    def each(self, entries: Mapping[Any, Any], read: Callable[[Any], Any]) -> dict[Any, Any]:
        """Read every entry; all wrong ones are reported together, and the valid ones kept."""
        good, wrong = {}, {}
        for key, value in entries.items():
            try:
                good[key] = read(value)
            except ValidationError as error:
                wrong[key] = error.messages
        if wrong:
            raise ValidationError(wrong, valid_data=good)
        return good


class Slug(BankField):
    def read(self, value: Any) -> str:
        if isinstance(value, bool):
            raise self.refuse(f"{shorten(value)} is a yes-or-no value, not an id", f'put it in quotes: "{shorten(value)}"')
        name = str(value) if isinstance(value, str | int) else ""
        if not SLUG.fullmatch(name):
            raise self.refuse(f"{shorten(value)} is not an id", SLUG_TODO)
        return name


class Slugs(BankField):
    def read(self, value: Any) -> tuple[str, ...]:
        """Read one id, or a list of ids."""
        items = value if isinstance(value, list) else [value]
        if any(isinstance(item, bool) or not isinstance(item, str | int) for item in items):
            raise self.refuse("is not a list of ids", "write [one, another]; true and false need quotes")
        return tuple(str(item) for item in items)


class Line(BankField):
    """A plain string on one line."""

    def __init__(self, *, pattern: str = r"[^\n]*\S[^\n]*", todo: str = "write it on one line, in quotes", **options: Any) -> None:
        super().__init__(**options)
        self.pattern, self.todo = re.compile(pattern), todo

    def read(self, value: Any) -> str:
        if not isinstance(value, str) or not self.pattern.fullmatch(value):
            raise self.refuse(f"{shorten(value)} cannot stand here", self.todo)
        return value


class Lines(BankField):
    """A list of plain strings."""

    def read(self, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() and "\n" not in item for item in value):
            raise self.refuse("is not a list of names", "write [one, another], in quotes where a name is true, false or a number")
        return tuple(value)


class Words(BankField):
    """Text for people: a string, or a map from language to string."""

    def __init__(self, *, one_line: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.one_line = one_line

    def read(self, value: Any) -> str | dict[str, str]:
        if isinstance(value, Mapping):
            if not value:
                raise self.refuse("has no words", "write them, such as {en: Hello}")
            return self.each(value, self.words)
        return self.words(value)

    def words(self, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if value is None or value == "":
            raise self.refuse("has no words", "write them, or remove the line; inside { } put a text that holds a comma in quotes")
        if not isinstance(value, str):
            raise self.refuse(
                f"{shorten(value)} is not words", "put the words in quotes, or give a map by language: {en: Hello, fr: Bonjour}"
            )
        if not value.strip():
            raise self.refuse("has no words", "write them, or remove the line")
        if self.one_line and "\n" in value:
            raise self.refuse(f"{shorten(value)} cannot stand here", "write it on one line, in quotes")
        return value


class Flag(BankField):
    def read(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self.refuse(f"{shorten(value)} is neither true nor false", "write true or false, without quotes")
        return value


class Choice(BankField):
    """One of the values of a ``Literal``."""

    def __init__(self, words: Any, **options: Any) -> None:
        super().__init__(**options)
        self.known: tuple[str, ...] = get_args(words)

    def read(self, value: Any) -> str:
        if value not in self.known:
            raise self.refuse(
                f"{shorten(value)} is not one of {join_names(self.known)}",
                suggest(str(value), self.known, "write one of them"),
            )
        return str(value)


class Number(BankField):
    def __init__(
        self,
        *,
        hint: str = "write a number such as 0.3",
        whole: bool = False,
        least: float | None = None,
        most: float | None = None,
        above: float | None = None,
        below: float | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.hint, self.whole = hint, whole
        self.bounds: tuple[tuple[float | None, str, Callable[[float, float], bool]], ...] = (
            (least, "less than", operator.lt),
            (most, "more than", operator.gt),
            (above, "not more than", operator.le),
            (below, "not less than", operator.ge),
        )

    def read(self, value: Any) -> float | int:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse(f"{shorten(value)} is not a number", number_slip(value) or self.hint)
        if self.whole and value != int(value):
            raise self.refuse(f"{shorten(value)} is not a whole number", self.hint)
        for bound, words, beyond in self.bounds:
            if bound is not None and beyond(value, bound):
                raise self.refuse(f"{shorten(value)} is {words} {bound}", self.hint)
        return int(value) if self.whole else float(value)


class Table(BankField):
    """A map whose content depends on other fields; the rules check it."""

    def __init__(self, *, or_number: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.or_number = or_number

    def read(self, value: Any) -> Any:
        if self.or_number and isinstance(value, int | float) and not isinstance(value, bool):
            return value
        if not isinstance(value, Mapping):
            raise self.refuse(f"{shorten(value)} is not a map", "write one line a persona: its id, a colon, and its row")
        return value


class ByKey(BankField):
    """A map with some of the known keys and one kind of value."""

    def __init__(self, known: Sequence[str], value: BankField, **options: Any) -> None:
        super().__init__(**options)
        self.known, self.value = known, value

    def read(self, value: Any) -> Any:
        if not isinstance(value, Mapping) or not value:
            raise self.refuse(
                f"{shorten(value) if value else 'nothing'} cannot stand here", f"write a map with some of {join_names(self.known)}"
            )
        unknown = {key: [self.unknown_key(key)] for key in value if key not in self.known}
        if unknown:
            raise ValidationError(unknown)
        return self.each(value, self.value.deserialize)

    def unknown_key(self, key: str) -> str:
        return f"is not a field of this → {suggest(key, self.known, f'use one of {join_names(self.known)}')}"


class NumbersByKey(ByKey):
    def __init__(self, known: Sequence[str], *, least: float, most: float) -> None:
        super().__init__(known, Number(least=least, most=most, hint=f"write a number from {least} to {most}"))


class LinesByKey(ByKey):
    def __init__(self, known: Sequence[str], **options: Any) -> None:
        super().__init__(known, Line(), **options)


class MatchOrWords(LinesByKey):
    """What a signal matches: an event, or words of texts."""

    def read(self, value: Any) -> Any:
        if not isinstance(value, Mapping) or not {"words", "question"} & set(value):
            return super().read(value)
        if "words" not in value:
            raise self.refuse("has a question and no words", "write the words that its answers may have, such as words: [seats, secur*]")
        if others := [key for key in value if key not in ("words", "question")]:
            raise self.refuse(
                f"has words and {join_names(others)}", "write two signals: words are looked for in answers and in searches, not in events"
            )
        errors: dict[str, Any] = {}
        for place, wrong, todo in problems_of(value["words"]):
            message = f"{wrong} → {todo}"
            if place is None:
                errors["words"] = [message]
                break
            errors.setdefault("words", {})[place] = [message]
        if errors:
            raise ValidationError(errors)
        question = self.value.deserialize(value["question"]) if "question" in value else None
        return {"words": tuple(value["words"]), **({} if question is None else {"question": question})}


class MapOf(BankField):
    """A map with free keys and one kind of value."""

    def __init__(self, kind: Callable[[], fields.Field[Any]], **options: Any) -> None:
        super().__init__(**options)
        self.value = kind()

    def read(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise self.refuse(f"{shorten(value)} is not a map", "write name: value lines here")
        return self.each(value, self.value.deserialize)


class Selection(Slugs):
    """The questions of a survey: all, a list of ids, or those of some topics."""

    def read(self, value: Any) -> Any:
        if value == "all":
            return "all"
        if isinstance(value, Mapping) and list(value) == ["topics"]:
            topics = value["topics"]
            if isinstance(topics, list) and topics and all(isinstance(topic, str) for topic in topics):
                return {"topics": tuple(topics)}
        if isinstance(value, list) and value:
            return super().read(value)
        raise self.refuse("is not a choice of questions", "write all, a list of ids such as [age, reasons], or {topics: [choice]}")
