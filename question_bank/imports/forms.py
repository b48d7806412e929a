"""Import the questions of a form from the JSON of Typeform's Create API, or of `forms.get` of the Google Forms API."""

from collections.abc import Mapping, Sequence
from typing import Any

from question_bank.imports.builder import Form, NotImportable, plain_text

CHOICES = ("multiple_choice", "dropdown", "picture_choice")
NO_QUESTIONS = ("statement", "welcome_screen", "thankyou_screen", "payment", "file_upload", "calendly", "legal", "signature")
PERSONAL = ("email", "phone_number", "address", "contact_info", "website")
MOST_DEPTH = 5


def form_of_json(data: object) -> Form:
    """Return the questions of a form of either tool. Raises NotImportable."""
    if isinstance(data, dict) and isinstance(data.get("fields"), list):
        return _typeform(data)
    if isinstance(data, dict) and isinstance(data.get("items"), list):
        return _google(data)
    raise NotImportable("this JSON is neither a form of Typeform's Create API (fields) nor of the Google Forms API (items)")


def _typeform(data: Mapping[str, Any]) -> Form:
    language = _part(data, "settings").get("language")
    language = language if isinstance(language, str) and language.isascii() and 2 <= len(language) <= 5 else "en"
    form = Form({language: plain_text(data.get("title"))}, (language,))
    _typeform_fields(form, data["fields"], language, 0)
    if data.get("logic"):
        form.notes.append("jumps between questions are left out: the order is chosen by what an answer would tell")
    return form


def _typeform_fields(form: Form, fields: Sequence[object], language: str, depth: int) -> None:
    for field in fields:
        if isinstance(field, dict):
            _typeform_field(form, field, language, depth)


def _typeform_field(form: Form, field: Mapping[str, Any], language: str, depth: int) -> None:
    kind, title = str(field.get("type")), plain_text(field.get("title"))
    about, rules = _part(field, "properties"), _part(field, "validations")
    required = rules.get("required") is True
    text = {language: title}
    if kind in ("group", "inline_group", "matrix") and depth < MOST_DEPTH:
        inner = [part for part in _list(about, "fields") if isinstance(part, dict)]
        if kind == "matrix":
            inner = [{**part, "title": f"{title}: {part.get('title', '')}"} for part in inner]
        _typeform_fields(form, inner, language, depth + 1)
    elif kind in CHOICES:
        options = [{language: plain_text(choice.get("label"))} for choice in _list(about, "choices") if isinstance(choice, dict)]
        if about.get("allow_other_choice"):
            form.leave_out(title, 'the option "other" with a text is left out')
        several = about.get("allow_multiple_selection") is True
        form.add("multiple" if several else "single", text, [option for option in options if option[language]], required=required)
    elif kind == "yes_no":
        words = {"fr": ("Oui", "Non"), "de": ("Ja", "Nein"), "es": ("Sí", "No")}.get(language[:2], ("Yes", "No"))
        form.add("single", text, [{language: word} for word in words], required=required)
    elif kind in ("opinion_scale", "rating", "nps"):
        default = {"nps": 11, "opinion_scale": 11, "rating": 5}[kind]
        steps = about.get("steps") if isinstance(about.get("steps"), int) else default
        low = 1 if kind == "rating" or about.get("start_at_one") is True else 0
        points = max(2, min(int(steps or default), 21))
        said = _part(about, "labels")
        places = {"left": low, "center": low + points // 2, "right": low + points - 1}
        labels = {place: {language: plain_text(said.get(name))} for name, place in places.items() if said.get(name)}
        form.add("scale", text, minimum=float(low), maximum=float(low + points - 1), labels=labels, required=required)
    elif kind == "number":
        low_high = [float(rules[name]) if isinstance(rules.get(name), int | float) else None for name in ("min_value", "max_value")]
        form.add("number", text, minimum=low_high[0], maximum=low_high[1], required=required)
    elif kind in ("short_text", "long_text"):
        form.add("text", text, required=required)
    elif kind in PERSONAL:
        form.leave_out(title, f"asks for what identifies a person ({kind}), so it is left out")
    elif kind not in NO_QUESTIONS:
        form.leave_out(title, f"is of the type {kind}, which a bank does not have, so it is left out")
    else:
        form.leave_out(title, f"is no question ({kind}), so it is left out")


def _google(data: Mapping[str, Any]) -> Form:
    about = _part(data, "info")
    form = Form({"en": plain_text(about.get("title") or about.get("documentTitle"))})
    for item in data["items"]:
        if not isinstance(item, dict):
            continue
        title = plain_text(item.get("title"))
        group = _part(item, "questionGroupItem")
        if group:
            columns = _part(_part(group, "grid"), "columns")
            for row in _list(group, "questions"):
                name = plain_text(_part(row, "rowQuestion").get("title")) if isinstance(row, dict) else ""
                _google_question(form, f"{title}: {name}" if name else title, {"choiceQuestion": columns}, required=False)
        elif "questionItem" in item:
            question = _part(_part(item, "questionItem"), "question")
            _google_question(form, title, question, required=question.get("required") is True)
        else:
            kind = next((name for name in item if name.endswith("Item")), "item")
            form.leave_out(title or kind, f"is no question ({kind}), so it is left out")
    return form


def _google_question(form: Form, title: str, question: Mapping[str, Any], *, required: bool) -> None:
    text = {"en": title}
    if "choiceQuestion" in question:
        choice = _part(question, "choiceQuestion")
        given = [option for option in _list(choice, "options") if isinstance(option, dict)]
        if any(option.get("isOther") for option in given):
            form.leave_out(title, 'the option "other" with a text is left out')
        options = [{"en": plain_text(option.get("value"))} for option in given if option.get("value") and not option.get("isOther")]
        form.add("multiple" if choice.get("type") == "CHECKBOX" else "single", text, options, required=required)
    elif "scaleQuestion" in question or "ratingQuestion" in question:
        scale, rating = _part(question, "scaleQuestion"), _part(question, "ratingQuestion")
        low, high = _whole(scale.get("low"), 0 if scale else 1), _whole(scale.get("high") or rating.get("ratingScaleLevel"), 5)
        labels = {low: {"en": plain_text(scale.get("lowLabel"))}, high: {"en": plain_text(scale.get("highLabel"))}}
        form.add("scale", text, minimum=float(low), maximum=float(high), labels=labels, required=required)
    elif "textQuestion" in question:
        form.add("text", text, required=required)
    else:
        kind = next((name for name in question if name.endswith("Question")), "unknown")
        form.leave_out(title, f"is of the type {kind}, which a bank does not have, so it is left out")


def _part(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = data.get(name)
    return part if isinstance(part, dict) else {}


def _list(data: Mapping[str, Any], name: str) -> Sequence[Any]:
    part = data.get(name)
    return part if isinstance(part, list) else []


def _whole(value: object, default: int) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and -100 <= value <= 100 else default
