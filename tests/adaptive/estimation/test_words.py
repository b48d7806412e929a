"""Irritants: words that a persona writes more than the others, in English and French."""

import numpy as np
import pytest

from adaptive.estimation.figures import FEWEST_PEOPLE
from adaptive.estimation.words import PRIOR, irritants, log_odds_of, sentences_of, terms_of
from tests.adaptive.estimation.bases import PERSONAS, beliefs


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("L'attente était trop longue", [["attente", "trop", "longue"]]),
        ("L’attente, c’est nul\u202f!", [["attente", "nul"]]),
        ("Aujourd'hui qu'il n'y a pas de réponse…", [["aujourd'hui", "pas", "réponse"]]),
        ("ÉCHEC du paiement", [["échec", "paiement"]]),
        ("E\u0301chec", [["échec"]]),
        ("The app's slow; it won't load", [["app", "slow"], ["not", "load"]]),
        ("I've waited 20 min. They'll see", [["waited", "min"], ["see"]]),
        ("", []),
        ("… 42 !", []),
    ],
)
def test_words_of_english_and_french_texts(text, words):
    """Accents stay, elided articles and contracted verbs go, stop words and numbers too; negations stay."""
    assert list(sentences_of(text)) == words


def test_pairs_of_words_end_with_the_sentence():
    """The last word of a sentence and the first of the next are no pair."""
    assert terms_of("Livraison lente. Colis perdu") == {"livraison", "lente", "livraison lente", "colis", "perdu", "colis perdu"}


def test_log_odds_are_those_of_the_published_formula():
    """Equations 16, 20 and 22 of Monroe, Colaresi and Quinn, term by term, of one word and two personas."""
    y, others, n, n_others = 30.0, 10.0, 400.0, 600.0
    alpha = PRIOR * 40 / 1000

    z, log_odds = log_odds_of(np.array([[y, others]]), np.array([n, n_others]))

    delta = np.log((y + alpha) / (n + PRIOR - y - alpha)) - np.log((others + alpha) / (n_others + PRIOR - others - alpha))
    assert log_odds[0] == pytest.approx([delta, -delta])
    assert z[0, 0] == pytest.approx(delta / np.sqrt(1 / (y + alpha) + 1 / (others + alpha)))


VOCABULARY = [
    f"{first}{second}" for first in "bdfgklmp" for second in ("abo", "ecu", "idi", "ofa", "ulu", "ane", "eri", "osi", "uta", "ave")
]
SHARES = 1 / np.arange(5, 85)


def write_texts(count, seed):
    """Return texts, beliefs about their authors, and the three words of each persona, which it writes four times as often."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, 3, count)
    own = [rng.choice(np.arange(5, 50), 3, replace=False) for _ in PERSONAS]
    texts = []
    for persona in who:
        shares = SHARES.copy()
        shares[own[persona]] *= 4
        texts.append(" ".join(VOCABULARY[word] for word in rng.choice(80, 10, p=shares / shares.sum())))
    return texts, beliefs(rng, who, 2.5), [{VOCABULARY[word] for word in words} for words in own]


def test_planted_words_are_found():
    """Of 1,000 texts, at least .90 of the five most notable words of each persona are planted ones, while there are any."""
    right = shown = 0
    for seed in range(5):
        texts, about, own = write_texts(1000, seed)
        found = irritants(texts, about, range(1000), PERSONAS)
        for persona, words in zip(PERSONAS, own, strict=True):
            best = [irritant.term for irritant in found if irritant.persona == persona and " " not in irritant.term][:3]
            right, shown = right + len(words & set(best)), shown + len(best)

    assert shown >= 40
    assert right >= 0.9 * shown


def test_a_term_needs_eleven_people():
    """Ten authors of a persona are too few, and one who writes a hundred texts is one."""
    about = np.repeat(np.eye(2), [60, 60], axis=0)
    authors = list(range(120))

    def found(writers):
        """Return the terms of the first persona, where so many of its authors write of a tap, and one of the other's."""
        fine = " ".join(VOCABULARY[:30])
        texts = [f"{fine}. Broken tap" if author < writers or author == 100 else fine for author in authors]
        return [irritant.term for irritant in irritants(texts, about, authors, ("a", "b")) if irritant.persona == "a"]

    assert "broken" in found(FEWEST_PEOPLE)
    assert found(FEWEST_PEOPLE - 1) == []
    assert irritants(["broken tap"] * 120, about, [0] * 120, ("a", "b")) == ()


def test_nothing_to_read_gives_no_terms():
    """No text, or none with a word, is no error."""
    assert irritants([], np.zeros((0, 2)), [], ("a", "b")) == ()
    assert irritants(["", "?!"], np.eye(2), [1, 2], ("a", "b")) == ()


@pytest.mark.parametrize(
    ("name", "wrong"), [("texts", ["a"]), ("beliefs", np.ones((2, 2))), ("beliefs", np.full((2, 3), 1 / 3)), ("authors", [1])]
)
def test_bad_input_names_its_argument(name, wrong):
    """Texts, beliefs and authors must be of the same number."""
    right = {"texts": ["a", "b"], "beliefs": np.eye(2), "authors": [1, 2], "personas": ("a", "b")}

    with pytest.raises(ValueError, match=f"^{name}: "):
        irritants(**(right | {name: wrong}))
