"""Irritants: the words and pairs of words that a persona writes more than the others do.

Belief-weighted log odds with an informative Dirichlet prior (Monroe, Colaresi and Quinn, 2008). Every author counts once for a term,
however often they write it, and for each persona by the belief.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from adaptive.arrays import Floats, Ints
from adaptive.estimation.figures import FEWEST_PEOPLE
from adaptive.estimation.moments import check_beliefs

PRIOR = 500.0
"""Terms that the prior is worth, distributed as in all texts."""
NOTABLE = 2.0
"""Standard errors from which the log odds of a term are shown."""
SHORTEST = 2
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
SENTENCE_END = re.compile(r"[.!?;:\n\r()\[\]\"«»…]+")
APOSTROPHES = str.maketrans({"’": "'", "ʼ": "'", "‘": "'", "`": "'", "´": "'"})
ELISION = re.compile(r"^(?:[cdjlmnst]|qu|jusqu|lorsqu|puisqu|quoiqu|presqu)'")
CONTRACTION = re.compile(r"'(?:s|ll|re|ve|d|m)$")
ENGLISH = (
    "a about after again all also am an and any are as at be because been before being both but by can could did do does "
    "doing down during each few for from further get got had has have having he her here hers him his how i if in into is "
    "it its just me more most my of off on once only or other our ours out over own same she should so some such than that "
    "the their theirs them then there these they this those through to under until up us very was we were what when where "
    "which while who whom why will with would you your yours"
)
FRENCH = (
    "ai aie ainsi alors après as au aussi autre aux avait avant avec avez avoir avons bien car ce ceci cela celle celui ces "
    "cet cette ceux chaque chez comme comment dans de depuis des donc dont du elle elles en encore entre es est et eu eux "
    "fait faire fois furent il ils je la là le les leur leurs lors lui ma mais me mes moi mon même ne ni nos notre nous on "
    "ont ou où par parce pendant peu peut plus pour pourquoi puis quand que quel quelle quelles quels qui quoi sa sans se "
    "sera ses si soi sommes son sont sous suis sur ta te tes toi ton toujours tous tout toute toutes très tu un une vers "
    "vos votre vous été être était étaient ça"
)
STOP_WORDS = frozenset(f"{ENGLISH} {FRENCH}".split())
"""Words without a meaning of their own. Negations and "too" are none of them: irritants are "not working" and "too slow"."""


@dataclass(frozen=True)
class Irritant:
    """A term that a persona writes more than the others do.

    `log_odds` is the difference in log odds, `z` that in standard errors; `people` are the authors whose likeliest persona it is.
    """

    persona: str
    term: str
    log_odds: float
    z: float
    people: int


def sentences_of(text: str) -> Iterator[list[str]]:
    """Yield the words of each sentence in lower case, in English or French, without stop words.

    >>> list(sentences_of("L'attente était longue ! It doesn't work"))
    [['attente', 'longue'], ['not', 'work']]
    """
    plain = unicodedata.normalize("NFKC", text).casefold().translate(APOSTROPHES)
    for sentence in SENTENCE_END.split(plain):
        words = [_stem_of(word) for word in WORD.findall(sentence)]
        kept = [word for word in words if len(word) >= SHORTEST and word not in STOP_WORDS]
        if kept:
            yield kept


def _stem_of(word: str) -> str:
    """Return a word without its elided article or contracted verb."""
    if word.endswith("n't"):
        return "not"
    return CONTRACTION.sub("", ELISION.sub("", word))


def terms_of(text: str) -> set[str]:
    """Return the words of a text and the pairs of words that follow each other in a sentence.

    >>> sorted(terms_of("Slow delivery. Slow"))
    ['delivery', 'slow', 'slow delivery']
    """
    found: set[str] = set()
    for words in sentences_of(text):
        found.update(words, (f"{first} {second}" for first, second in pairwise(words)))
    return found


def irritants(texts: Sequence[str], beliefs: Any, authors: Sequence[Hashable], personas: Sequence[str]) -> tuple[Irritant, ...]:
    """Return the terms of each persona, in the order of the personas, the most notable first.

    A term is shown from `NOTABLE` standard errors on, if `FEWEST_PEOPLE` authors of the persona wrote it.

    Parameters
    ----------
    texts : n texts.
    beliefs : (n, K) array
        P(persona) of the author of each text. Of an author of several texts the mean counts.
    authors : n ids
        Texts with the same id are of the same author.

    Raises ValueError, which begins with the name of the argument.
    """
    every = check_beliefs("beliefs", beliefs, len(personas))
    if len(texts) != len(every):
        raise ValueError(f"texts: must be {len(every)}, one for each row of beliefs")
    if len(authors) != len(every):
        raise ValueError(f"authors: must be {len(every)}, one for each text")
    places = {author: place for place, author in enumerate(dict.fromkeys(authors))}
    who = np.array([places[author] for author in authors], dtype=np.int64)
    own = np.zeros((len(places), len(personas)))
    np.add.at(own, who, every)
    own /= np.maximum(own.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    terms = _terms_by_author(texts, who, len(places))
    lengths = np.array([len(words) for words in terms], dtype=np.float64)
    writers = _writers(terms)
    if not writers:
        return ()
    counts = np.array([own[rows].sum(axis=0) for rows in writers.values()])
    z, log_odds = log_odds_of(counts, lengths @ own)
    top = own.argmax(axis=1)
    people = np.array([np.bincount(top[rows], minlength=len(personas)) for rows in writers.values()])
    names = list(writers)
    return tuple(
        Irritant(persona, names[row], float(log_odds[row, k]), float(z[row, k]), int(people[row, k]))
        for k, persona in enumerate(personas)
        for row in np.argsort(-z[:, k], kind="stable")
        if z[row, k] >= NOTABLE and people[row, k] >= FEWEST_PEOPLE
    )


def log_odds_of(counts: Floats, totals: Floats) -> tuple[Floats, Floats]:
    """Return the (W, K) z-scores and log odds of W terms against the other personas.

    `counts` are (W, K) uses of the terms by each persona, `totals` (K,) their uses of all terms. Equations 16, 20 and 22 of Monroe,
    Colaresi and Quinn (2008), where the other corpus is that of all other personas.
    """
    prior = PRIOR * counts.sum(axis=1, keepdims=True) / totals.sum()
    uses, others = counts + prior, counts.sum(axis=1, keepdims=True) - counts + prior
    all_uses, all_others = totals + PRIOR, totals.sum() - totals + PRIOR
    log_odds: Floats = np.log(uses / (all_uses - uses)) - np.log(others / (all_others - others))
    z: Floats = log_odds / np.sqrt(1 / uses + 1 / others)
    return z, log_odds


def _terms_by_author(texts: Sequence[str], who: Ints, authors: int) -> list[set[str]]:
    found: list[set[str]] = [set() for _ in range(authors)]
    for text, author in zip(texts, who, strict=True):
        found[author] |= terms_of(text)
    return found


def _writers(terms: Sequence[set[str]]) -> dict[str, Ints]:
    """Return the authors of each term that enough of them wrote, in alphabetical order."""
    rows: dict[str, list[int]] = defaultdict(list)
    for author, words in enumerate(terms):
        for word in words:
            rows[word].append(author)
    return {word: np.array(authors) for word, authors in sorted(rows.items()) if len(authors) >= FEWEST_PEOPLE}
