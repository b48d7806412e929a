"""From what was learnt to the engine's own tables and evidence, so that what is chosen is chosen with the belief that will be stated."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from adaptive.coding import Answers, Codes, items_of, split_items
from adaptive.dependence import Dependences
from adaptive.folds import Lesson
from adaptive.latent_classes import Personas
from adaptive.likelihood import Choice, Floats, Ticks
from adaptive.marginal import Styles
from adaptive.posterior import Evidence
from adaptive.tables import ResponseTables


def engine_tables(
    questions: Codes,
    tables: Sequence[Floats],
    prior: Floats,
    silence: Mapping[int, Floats],
    found: Dependences,
    topics: Codes,
    styles: Styles | None = None,
) -> ResponseTables:
    """Tables of all questions, the evidence still at full weight. A question of several items is a multiple choice.

    `questions` is (J,), the question of each of the (K, A) `tables`; `silence` is question -> (K,).
    """
    likelihoods: list[Choice | Ticks] = []
    for q in range(len(topics)):
        items = [int(item) for item in np.flatnonzero(questions == q)]
        if len(items) == 1:
            likelihoods.append(Choice(tables[items[0]], silence.get(q)))
        else:
            likelihoods.append(Ticks(np.column_stack([tables[item][:, 1] for item in items]), silence.get(q)))
    persona_of = None if styles is None else styles.persona_of
    return ResponseTables.of(likelihoods, prior, topics=topics, parents=found.parents, given=found.given, persona_of=persona_of)


def silence_of(lesson: Lesson, taught: Personas) -> dict[int, Floats]:
    """Question -> (K,) P(no answer | persona), where silence counts."""
    silent = split_items(taught.table, lesson.levels)[len(lesson.answers.levels) :]
    return {q: table[:, 1] for q, table in zip(lesson.voiced, silent, strict=True)}


def evidence_from(answers: Answers, tables: ResponseTables, table: Floats) -> Evidence:
    """What B respondents gave; `table` is (K, cells or more), P(answer | persona) of all items side by side."""
    nothing = Evidence.none(tables, len(answers.codes))
    cells = len(items_of(answers.levels))
    logs = np.log(table[:, :cells])
    rows = nothing.rows
    for q, question in enumerate(tables.questions):
        own = answers.question_of_cell == q
        rows[:, q] = answers.hot[:, own] @ logs[:, own].T
        if question.silence is not None:
            rows[:, q] += np.where(answers.answered[:, q, None], np.log1p(-question.silence), 0.0)
            rows[answers.silent[:, q], q] = np.log(question.silence)
    codes = nothing.codes
    single = np.flatnonzero(np.bincount(answers.questions) == 1)
    codes[:, single] = answers.codes[:, np.searchsorted(answers.questions, single)]
    silent = answers.silent & (tables.silence > 0).any(axis=1)
    return replace(nothing, answered=answers.answered, silent=silent, rows=rows, codes=codes)
