"""Time of one choice, as ratios within one run: `python benchmarks/engine.py`.

The reference is the formula of the gain in four lines of numpy, on the same tables and belief; the lower bound is the product of belief
and table that every method needs. ADOpy (the same mathematics: mutual information over a grid, here one point per persona, with its
update of the posterior) and catsim (maximum Fisher information of a 4PL bank, one ability, binary items) are timed beside them. Absolute
times depend on the machine; compare the ratios.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # one thread: a web worker has no more

from collections.abc import Callable
from functools import partial
from time import perf_counter

import numpy as np
from scipy.special import entr

from adaptive import Evidence, Progress, ResponseTables, StopRule, SurveyRules, look_ahead_states, next_questions, update_limit

PERSONAS, OPTIONS, ANSWERED, ROUNDS, SLICE = 8, 5, 5, 40, 0.004


def least_seconds(tasks: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the least time of each task over interleaved rounds: other load on the machine can only add to it.

    The first call of a round is not timed. It finds the cache as the task before left it, and is one of 4 calls of a slow task but one of
    150 of the formula.
    """
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(ROUNDS):
        for name, task in tasks.items():
            task()
            start, calls = perf_counter(), 0
            while (elapsed := perf_counter() - start) < SLICE:
                task()
                calls += 1
            times[name].append(elapsed / calls)
    return {name: min(measured) for name, measured in times.items()}


def tables_of(questions: int, rng: np.random.Generator, *, tree: bool) -> ResponseTables:
    """Return a bank of single choices; with a tree, every question but the first depends on an earlier one."""
    shares = [rng.dirichlet(np.ones(OPTIONS), size=PERSONAS) for _ in range(questions)]
    if not tree:
        return ResponseTables.of(shares)
    parents = {q: int(rng.integers(q)) for q in range(1, questions)}
    given = {q: rng.dirichlet(np.ones(OPTIONS), size=(PERSONAS, OPTIONS)) for q in parents}
    return ResponseTables.of(shares, parents=parents, given=given)


def measure(questions: int) -> None:
    rng = np.random.default_rng(7)
    plain, tree = (tables_of(questions, rng, tree=tree) for tree in (False, True))
    belief, flat = rng.dirichlet(np.ones(PERSONAS)), plain.flat.copy()
    noise = np.add.reduceat(entr(flat), plain.starts, axis=1)

    def four_lines() -> int:
        outcome = belief @ flat
        spread = np.add.reduceat(entr(outcome), plain.starts)
        gain = (spread - belief @ noise) / np.log(2)
        return int(gain.argmax())

    rules = SurveyRules(
        np.ones(questions, dtype=bool), np.zeros(questions, dtype=bool), np.zeros((questions, questions), dtype=bool), (), StopRule()
    )
    tasks: dict[str, Callable[[], object]] = {"product": lambda: belief @ flat, "formula": four_lines}
    for name, tables in (("choice", plain), ("choice on a tree", tree)):
        evidence, progress = one_respondent(tables, rng)
        tasks[name] = partial(next_questions, tables, rules, evidence, progress)
        asked = int(next_questions(tables, rules, evidence, progress).chosen[0])
        tasks[f"{name}, all answers ahead"] = partial(look_ahead, tables, rules, evidence, progress, asked)
    tasks["ADOpy, update and design"] = adopy_choice(plain)
    tasks["catsim, item selector"] = catsim_choice(questions)
    times = least_seconds(tasks)
    for name, seconds in times.items():
        print(f"{questions:>6} {name:<38}{seconds * 1e6:>9.0f} us{seconds / times['formula']:>9.2f} x the formula")


def one_respondent(tables: ResponseTables, rng: np.random.Generator) -> tuple[Evidence, Progress]:
    """Return evidence and progress of one respondent with some answers."""
    questions = len(tables.questions)
    evidence = Evidence.none(tables)
    for q in rng.choice(questions, ANSWERED, replace=False):
        code = int(rng.integers(OPTIONS))
        evidence.answered[0, q], evidence.codes[0, q] = True, code
        evidence.rows[0, q] = np.log(tables.questions[q].cells[:, code])
    progress = Progress(
        evidence.answered.copy(), np.ones((1, questions), dtype=bool), np.array([ANSWERED]), np.zeros(1), np.array([questions])
    )
    return evidence, progress


def look_ahead(tables: ResponseTables, rules: SurveyRules, evidence: Evidence, progress: Progress, asked: int) -> object:
    """Return the next question for every answer to the question asked now, and for a skip."""
    rows = np.vstack([np.log(tables.questions[asked].cells.T), np.zeros(tables.personas)])
    opens = np.ones((OPTIONS + 1, len(tables.questions)), dtype=bool)
    futures, after = look_ahead_states(tables, evidence, progress, asked, rows, opens)
    return next_questions(tables, rules, futures, update_limit(tables, rules, after))


def adopy_choice(tables: ResponseTables) -> Callable[[], object]:
    """Return a choice by ADOpy on the same tables: personas are its parameter, questions its design."""
    np.int = int  # type: ignore[attr-defined]  # ADOpy 0.4.1 was written for older versions of numpy, which had these two names
    np.float = float  # type: ignore[attr-defined]
    from adopy import Engine, Model, Task

    logs = np.log([question.cells for question in tables.questions])  # (Q, K, A)
    task = Task(name="survey", designs=["question"], responses=["answer"])
    model = Model(
        name="personas",
        task=task,
        params=["persona"],
        func=lambda question, persona, answer: logs[question.astype(int), persona.astype(int), answer.astype(int)],
    )
    engine = Engine(
        task=task,
        model=model,
        grid_design={"question": np.arange(len(logs))},
        grid_param={"persona": np.arange(PERSONAS)},
        grid_response={"answer": np.arange(OPTIONS)},
    )

    def choose() -> object:
        engine.log_post = engine.log_prior.copy()
        engine.update({"question": 3}, {"answer": 2})
        return engine.get_design()

    return choose


def catsim_choice(questions: int) -> Callable[[], object]:
    """Return a choice by catsim's own selector on a bank of as many items."""
    from catsim.item_bank import ItemBank
    from catsim.selection import MaxInfoSelector

    bank, selector = ItemBank.generate_item_bank(questions), MaxInfoSelector()
    return partial(selector.select, item_bank=bank, administered_items=list(range(ANSWERED)), est_theta=0.3)


if __name__ == "__main__":
    print(f"{PERSONAS} personas, {OPTIONS} options a question, {ANSWERED} answered; best of {ROUNDS} interleaved rounds, one thread")
    for size in (50, 500, 5000):
        measure(size)
