"""Planted contacts: three personas whose attributes differ by known amounts."""

import numpy as np

PERSONAS = ("driver", "family", "saver")
KINDS = {"age": "number", "city": "category", "since": "date", "job": "text"}
CITIES = ("Paris", "Lyon", "Nice")
WORDS = ("sales", "school", "farm")


def planted(people, seed=1, strength=1.0):
    """Return the columns of contacts, and the (N,) persona of each. With strength 0 the attributes tell nothing."""
    rng = np.random.default_rng(seed)
    who = rng.integers(0, 3, people)
    shown = np.where(rng.random(people) < 0.6 * strength, who, rng.integers(0, 3, people))
    age = rng.normal(40 + 12 * strength * who, 10).round()
    city = [CITIES[k] if rng.random() < 0.9 else None for k in shown]
    since = np.datetime64("2015-01-01") + (300 * strength * who + rng.integers(0, 1500, people)).astype("timedelta64[D]")
    job = [
        f"works in {WORDS[k]}" if rng.random() < 0.8 else ""
        for k in np.where(rng.random(people) < 0.4 * strength, who, rng.integers(0, 3, people))
    ]
    return {"age": age, "city": city, "since": since, "job": job}, who


def one_hot(who):
    return np.eye(3)[who]


def take(columns, rows):
    return {name: [values[row] for row in rows] for name, values in columns.items()}
