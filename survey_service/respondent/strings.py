"""The words of the interface, by language. The words of the survey come from its bank."""

from collections.abc import Mapping
from typing import Any

STRINGS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "continue": "Continue",
        "back": "Back",
        "dont_know": "I don't know",
        "skip": "Skip",
        "progress": "Question {number} of at most {most}",
        "last": "Question {number}",
        "error": "Error",
        "colon": ": ",
        "problem": "There is a problem",
        "choose": "Choose an answer, or skip the question.",
        "number": "Enter a number, or skip the question.",
        "plain": "Enter the number with its digits only, such as 30000.",
        "write": "Write something, or skip the question.",
        "outside": "Enter a number from {low} to {high}.",
        "too_long": "That is too long: use at most 4,000 characters.",
        "stale": "This page was open for too long. Please answer once more.",
        "thanks": "Thank you. That is all we wanted to know.",
        "expired": "This survey was open for too long. What you answered is kept.",
        "again": "Start again",
        "go_on": "Continue",
        "why": "Your answers help us to serve you in the way that suits you. You can skip any question.",
    },
    "fr": {
        "continue": "Continuer",
        "back": "Retour",
        "dont_know": "Je ne sais pas",
        "skip": "Passer",
        "progress": "Question {number} sur {most} au plus",
        "last": "Question {number}",
        "error": "Erreur",
        "colon": " : ",
        "problem": "Il y a un problème",
        "choose": "Choisissez une réponse, ou passez la question.",
        "number": "Indiquez un nombre, ou passez la question.",
        "plain": "Indiquez le nombre en chiffres seulement, par exemple 30000.",
        "write": "Écrivez quelque chose, ou passez la question.",
        "outside": "Indiquez un nombre de {low} à {high}.",
        "too_long": "C’est trop long : 4 000 caractères au plus.",
        "stale": "Cette page est restée ouverte trop longtemps. Merci de répondre encore une fois.",
        "thanks": "Merci. C’est tout ce que nous voulions savoir.",
        "expired": "Ce questionnaire est resté ouvert trop longtemps. Vos réponses sont conservées.",
        "again": "Recommencer",
        "go_on": "Continuer",
        "why": "Vos réponses nous aident à vous servir comme il vous convient. Vous pouvez passer chaque question.",
    },
}


def strings(language: str) -> Mapping[str, str]:
    """The interface in the language of the session, English where it does not speak it."""
    return STRINGS.get(language.lower()) or STRINGS.get(language.lower().split("-")[0]) or STRINGS["en"]


def progress(words: Mapping[str, str], view: Mapping[str, Any]) -> str:
    """Which question this is, and how many there are at most."""
    done = view["progress"]["answered"]
    number, most = done + 1, done + view["progress"]["at_most"]
    return words["progress" if most > number else "last"].format(number=number, most=most)
