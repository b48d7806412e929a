"""Banks as hypothesis invents them: every field, every form of row, odd words, and always without a mistake."""

from dataclasses import replace

from hypothesis import strategies as st

from adaptive.dropout import Hazard
from adaptive.stopping import StopRule
from question_bank.definitions import (
    SECONDS_BY_TYPE,
    WORDS,
    Attribution,
    Bank,
    Consent,
    Counts,
    LogNormal,
    Normal,
    Option,
    Persona,
    Question,
    Result,
    Row,
    Shares,
    Signal,
    Style,
    Survey,
    Words,
)
from question_bank.journeys import Barometer, Journey, Play, Stage
from question_bank.probabilities import normalised

words = st.sampled_from(["yes", "no", "null", "true", "1e5", "007", "counts", "mean"])
slugs = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,8}", fullmatch=True) | words
odd_strings = ["a: b", "- a", "# a", "@a", "yes", "1", "''", "{a}", "a\nb", " a ", "😀\n", "\u2028x", "é, è", "null", 'a\\"b', "\x85x"]
characters = st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")
strings = st.sampled_from(odd_strings) | st.text(characters, max_size=20).map(lambda text: text if text.strip() else "a")
lines = strings.map(lambda text: text.replace("\n", " "))
numbers = st.floats(-1e6, 1e6).map(lambda number: number + 0.0)
above_zero = st.floats(1e-6, 1e6)
probabilities = st.floats(0, 1).map(abs)


def distinct_slugs(least: int, most: int) -> st.SearchStrategy[list[str]]:
    """Ids of one kind of thing."""
    return st.lists(slugs, min_size=least, max_size=most, unique=True)


@st.composite
def texts(draw, languages) -> dict[str, str]:
    """Words in the default language, and perhaps in others."""
    chosen = [languages[0], *draw(st.lists(st.sampled_from(languages), unique=True))]
    return {language: draw(strings) for language in dict.fromkeys(chosen)}


@st.composite
def rows(draw, question: Question) -> Row:
    """A row of any form that fits the question."""
    size = len(question.outcomes)
    if question.type == "number":
        spreads = st.builds(LogNormal, above_zero, st.floats(1.001, 50))
        return draw(st.builds(Normal, numbers, above_zero) | spreads)
    forms = ["shares", "counts", "words", *(["normal"] if question.type == "scale" else [])]
    form = draw(st.sampled_from(forms))
    if form == "normal":
        return Normal(draw(numbers), draw(above_zero))
    if form == "words":
        words = draw(st.lists(st.sampled_from(WORDS), min_size=size, max_size=size))
        return Words(tuple(words))
    if form == "counts":
        counts = tuple(float(count) for count in draw(st.lists(st.integers(1, 500), min_size=size, max_size=size)))
        return Counts(counts, of=500.0 if question.type == "multiple" else None)
    shares = draw(st.lists(st.floats(0.01, 1), min_size=size, max_size=size))
    return Shares(tuple(shares) if question.type == "multiple" else normalised(shares))


@st.composite
def entries(draw, personas) -> list[str]:
    """The keys of one table: for each persona one for all its styles, or one a style."""
    return [key for persona in personas for key in draw(st.sampled_from([(persona.id,), persona.keys]))]


@st.composite
def styles(draw) -> tuple[Style, ...]:
    ids = draw(distinct_slugs(2, 5))
    shares = normalised(draw(st.lists(st.floats(0.01, 1), min_size=len(ids), max_size=len(ids))))
    return tuple(Style(name, share) for name, share in zip(ids, shares, strict=True))


@st.composite
def questions(draw, name, personas, languages, before) -> Question:
    """A question of any type; its condition and parent come earlier in the bank."""
    kind = draw(st.sampled_from(list(SECONDS_BY_TYPE)))
    choices = {"single": 2, "multiple": 1}
    option_ids = draw(distinct_slugs(choices[kind], 4)) if kind in choices else []
    low = draw(st.integers(-3, 3))
    minimum, maximum = {"scale": (float(low), float(low + draw(st.integers(1, 5)))), "number": (None, draw(st.none() | numbers))}.get(
        kind, (None, None)
    )
    units = st.fixed_dictionaries({languages[0]: lines}, optional=dict.fromkeys(languages[1:], lines))
    fields = {
        "id": name,
        "type": kind,
        "text": draw(texts(languages)),
        "help": draw(st.none() | texts(languages)),
        "topic": draw(st.none() | lines),
        "pilot": draw(st.booleans()),
        "seconds": draw(st.just(SECONDS_BY_TYPE[kind]) | st.floats(0, 100).map(abs)),
        "options": tuple(Option(option, draw(texts(languages))) for option in option_ids),
        "minimum": minimum,
        "maximum": maximum,
        "labels": {low: draw(texts(languages))} if kind == "scale" and draw(st.booleans()) else {},
        "unit": draw(st.none() | lines | units) if kind == "number" else None,
        "no_answer": draw(st.none() | st.fixed_dictionaries(dict.fromkeys(draw(entries(personas)), probabilities))),
        "required": draw(st.booleans()),
    }
    conditions = [question for question in before if question.outcomes]
    if conditions and draw(st.booleans()):
        condition = draw(st.sampled_from(conditions))
        fields["ask_if"] = {condition.id: tuple(draw(st.lists(st.sampled_from(condition.outcomes), min_size=1, unique=True)))}
    if kind == "text" or fields["pilot"]:
        return Question(**fields)
    bare = Question(**fields)
    parents = [question for question in conditions if question.type != "multiple" and not question.pilot]
    if parents and bare.type in ("single", "scale") and draw(st.booleans()):
        parent = draw(st.sampled_from(parents))
        given = {persona: {outcome: draw(rows(bare)) for outcome in parent.outcomes} for persona in draw(entries(personas))}
        return Question(**fields, parent=parent.id, likelihood_given=given)
    return Question(**fields, likelihood={persona: draw(rows(bare)) for persona in draw(entries(personas))})


@st.composite
def surveys(draw, name, personas, languages, question_ids) -> Survey:
    """A survey of some of the questions."""
    asked = tuple(question for question in question_ids if draw(st.booleans())) or tuple(question_ids[:1])
    actions = draw(st.dictionaries(strings, st.fixed_dictionaries(dict.fromkeys(personas, numbers)), max_size=2))
    results = st.builds(Result, texts(languages), st.none() | st.just("https://shop.example/a?b=1#c"))
    limits = st.none() | st.floats(0.01, 0.99), st.integers(3, 9), st.integers(0, 3), st.none() | probabilities, st.none() | above_zero
    without_plan = st.builds(StopRule, limits[0], st.none() | limits[1], *limits[2:])
    with_plan = st.builds(StopRule, *limits, endgame=st.sampled_from(["accuracy", "none"]))
    return Survey(
        id=name,
        title=draw(texts(languages)),
        questions=asked,
        objective="value" if actions else "information",
        actions=actions,
        stop=draw(without_plan if actions else without_plan | with_plan),
        effort=draw(st.floats(0, 2).map(abs)),
        explore=draw(probabilities),
        drop_out=draw(st.none() | st.builds(Hazard, numbers, numbers, numbers, numbers)),
        first=tuple(draw(st.lists(st.sampled_from(asked), unique=True))),
        consent=draw(st.none() | st.builds(Consent, texts(languages), st.booleans())),
        origins=tuple(draw(st.lists(st.sampled_from(["*", "https://shop.example", "http://localhost:8000"])))),
        reveal=draw(st.booleans()),
        result=draw(st.dictionaries(st.sampled_from(["default", *personas]), results)),
    )


@st.composite
def attributions(draw):
    kinds = st.sampled_from(["number", "date", "category", "text"])
    attributes = draw(st.dictionaries(lines, kinds, min_size=1, max_size=4))
    never = draw(st.lists(lines.filter(lambda name: name not in attributes), max_size=2))
    floats = st.floats(0.5, 1, exclude_max=True), st.floats(0, 0.5).map(abs)
    return Attribution(attributes, tuple(never), draw(floats[0]), draw(floats[1]), draw(st.sampled_from(["required", "objection"])))


MATCHES = st.dictionaries(st.sampled_from(["event", "page", "channel", "topic"]), lines, min_size=1)


def plays(personas, languages):
    """A play at any time."""
    return st.builds(Play, st.none() | st.sampled_from(personas), channel=st.none() | lines, bot=texts(languages))


@st.composite
def journeys(draw, name, languages):
    """A journey of two or three stages that events reach."""
    hours, unless = st.floats(0.1, 8760), st.just({}) | MATCHES
    made = [(draw(MATCHES), draw(unless), draw(hours)) for _ in range(draw(st.integers(2, 3)))]
    stages = tuple(
        Stage(f"s{number}", draw(texts(languages)), match, {}, after, *([late] if after else []))
        for number, (match, after, late) in enumerate(made)
    )
    return Journey(name, draw(texts(languages)), stages, draw(st.floats(0.1, 366)), draw(st.sampled_from(["ordered", "any"])))


@st.composite
def banks(draw) -> Bank:
    """A whole bank without a mistake."""
    languages = tuple(draw(st.lists(st.sampled_from(["en", "fr", "no", "pt-BR"]), min_size=1, unique=True)))
    ids = draw(distinct_slugs(2, 3))
    priors = normalised(draw(st.lists(st.floats(0.01, 1), min_size=len(ids), max_size=len(ids))))
    shares = st.sampled_from(["advice", "autonomy"])
    personas = tuple(
        Persona(
            id=name,
            name=draw(texts(languages)),
            prior=prior,
            value=draw(st.floats(0, 1e6).map(abs)),
            description=draw(st.none() | texts(languages)),
            needs=draw(st.none() | texts(languages)),
            expectations=draw(st.dictionaries(shares, probabilities)),
            channels=draw(st.dictionaries(st.sampled_from(["email", "web"]), probabilities)),
            image=draw(st.none() | lines),
            styles=draw(st.just(()) | styles()),
        )
        for name, prior in zip(ids, priors, strict=True)
    )
    asked: list[Question] = []
    for name in draw(distinct_slugs(1, 4)):
        asked.append(draw(questions(name, personas, languages, asked)))
    parents = {question.parent for question in asked}
    weights = st.just(1.0) | st.floats(0.01, 1.5)
    asked = [q if q.parent or q.id in parents else replace(q, evidence_weight=draw(weights)) for q in asked]
    scales = [question.id for question in asked if question.type == "scale"]
    barometers = [Barometer("b", draw(texts(languages)), scale, "mean", draw(MATCHES)) for scale in scales[:1]]
    per_class = entries(personas).flatmap(lambda keys: st.fixed_dictionaries(dict.fromkeys(keys, probabilities)))
    signals = [
        draw(st.builds(Signal, st.just(name), MATCHES, per_class, st.none() | above_zero, st.none() | st.integers(1, 9)))
        for name in draw(distinct_slugs(0, 2))
    ]
    signals = [draw(st.sampled_from([signal, replace(signal, match={}, words=("seats", "sièg*"))])) for signal in signals]
    return Bank(
        id=draw(slugs),
        title=draw(texts(languages)),
        languages=languages,
        personas=personas,
        questions=tuple(asked),
        signals=tuple(signals),
        surveys=tuple(draw(surveys(name, ids, languages, [question.id for question in asked])) for name in draw(distinct_slugs(0, 2))),
        evidence_weight=draw(st.floats(0.01, 1.5)),
        repeat_weight=draw(probabilities),
        answer_correlation=draw(probabilities),
        lapse=draw(st.floats(0, 0.5).map(abs)),
        outliers=draw(st.floats(0, 0.5).map(abs)),
        half_life_days=draw(st.none() | st.floats(1, 5000)),
        attribution=draw(st.none() | attributions()),
        journeys=tuple(draw(journeys(name, languages)) for name in draw(distinct_slugs(0, 2))),
        barometers=tuple(barometers),
        plays=tuple(
            draw(st.lists(st.builds(Play, st.none() | st.sampled_from(ids), channel=st.none() | lines, bot=texts(languages)), max_size=2))
        ),
    )
