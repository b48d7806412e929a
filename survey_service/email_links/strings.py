"""The words of the pages and messages of email links, by language."""

from collections.abc import Mapping

STRINGS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "chosen": "You chose",
        "change": "Change",
        "right": "That's right",
        "kept": "Your answer is kept. Thank you.",
        "skipped": "You skipped this question.",
        "leave": "Not you? Do not want to be asked?",
        "leave_title": "What should we do?",
        "not_me": "This is not me",
        "not_me_what": (
            "This message was meant for somebody else. Its links stop working, and nothing that was answered by them "
            "counts for that person."
        ),
        "not_me_done": "Thank you. The links of this message do not work any more.",
        "alone": "Do not ask me again",
        "alone_what": "We will send no more questions.",
        "alone_done": "We will not ask you again.",
        "go_back": "Back to the question",
        "on_the_web": "Answer on a page",
        "link_invalid": "This link is not complete. Please open it again from the email, or copy the whole address.",
        "link_expired": "This link has expired. If you would still like to answer, ask whoever sent you the email for a new one.",
        "link_revoked": "This link does not work any more. If the email was meant for you, ask whoever sent it for a new one.",
        "link_alone": (
            "You asked us not to ask you again, so there is no question here. If you have changed your mind, tell whoever"
            " sent you the email."
        ),
    },
    "fr": {
        "chosen": "Vous avez choisi",
        "change": "Modifier",
        "right": "C’est bien ça",
        "kept": "Votre réponse est enregistrée. Merci.",
        "skipped": "Vous avez passé cette question.",
        "leave": "Ce n’est pas vous ? Vous ne voulez plus de questions ?",
        "leave_title": "Que devons-nous faire ?",
        "not_me": "Ce n’est pas moi",
        "not_me_what": (
            "Ce message était destiné à quelqu’un d’autre. Ses liens ne fonctionneront plus, et les réponses données par "
            "ces liens ne compteront pas pour cette personne."
        ),
        "not_me_done": "Merci. Les liens de ce message ne fonctionnent plus.",
        "alone": "Ne plus me poser de questions",
        "alone_what": "Nous n’enverrons plus de questions.",
        "alone_done": "Nous ne vous poserons plus de questions.",
        "go_back": "Revenir à la question",
        "on_the_web": "Répondre sur une page",
        "link_invalid": "Ce lien n’est pas complet. Ouvrez-le de nouveau depuis l’e-mail, ou copiez l’adresse entière.",
        "link_expired": "Ce lien a expiré. Si vous souhaitez encore répondre, demandez-en un nouveau à la personne qui vous a écrit.",
        "link_revoked": (
            "Ce lien ne fonctionne plus. Si l’e-mail vous était bien destiné, demandez un nouveau lien à la personne qui vous a écrit."
        ),
        "link_alone": (
            "Vous nous avez demandé de ne plus vous poser de questions : il n’y en a donc pas ici. Si vous avez changé "
            "d’avis, dites-le à la personne qui vous a écrit."
        ),
    },
}


def strings(language: str) -> Mapping[str, str]:
    """The words in a language, English where it is not spoken here."""
    return STRINGS.get(language.lower().split("-")[0], STRINGS["en"])
