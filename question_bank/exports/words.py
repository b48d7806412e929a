"""Words that mean the same in every file of answers: yes and no, a tick, no answer; in English, French, German, Spanish and neighbours.

Words are compared in their `plain` form: without case, with one space between words, and without the marks that typists vary.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from functools import lru_cache

SILENCES = ("skip", "dont_know", "refuse")
"""The kinds of silence, as a session stores them: not answered, does not know, does not want to say."""
SILENCE_NAMES: Mapping[str, str] = {"skip": "not answered", "dont_know": "do not know", "refuse": "do not want to say"}


@lru_cache(maxsize=1 << 16)
def plain(text: str) -> str:
    """Return words in the form in which they are compared.

    >>> plain("  Trifft\\u00a0 ZU "), plain("Don’t know")
    ('trifft zu', "don't know")
    """
    same = unicodedata.normalize("NFKC", text).replace("’", "'").replace("‘", "'").replace("–", "-").replace("—", "-")
    return " ".join(same.casefold().split())


def _set(words: str) -> frozenset[str]:
    return frozenset(plain(word) for word in re.split(r"[|\n]", words) if word.strip())


YES_AND_NO: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (_set("no"), _set("yes")),
    (_set("n"), _set("y")),
    (_set("non"), _set("oui")),
    (_set("n"), _set("o")),
    (_set("nein"), _set("ja")),
    (_set("n"), _set("j")),
    (_set("nee"), _set("ja")),
    (_set("no"), _set("sí|si|sì")),
    (_set("n"), _set("s")),
    (_set("não|nao"), _set("sim")),
    (_set("faux"), _set("vrai")),
    (_set("falsch"), _set("wahr")),
    (_set("falso"), _set("verdadero|vero|verdadeiro")),
    (_set("not selected|unselected"), _set("selected")),
    (_set("not checked|unchecked"), _set("checked")),
    (_set("not quoted"), _set("quoted")),
    (_set("not mentioned"), _set("mentioned")),
    (_set("nicht gewählt|nicht ausgewählt"), _set("gewählt|ausgewählt")),
    (_set("nicht genannt"), _set("genannt")),
    (_set("nicht angekreuzt"), _set("angekreuzt")),
    (_set("non coché|non cochée"), _set("coché|cochée")),
    (_set("non sélectionné"), _set("sélectionné")),
    (_set("non cité"), _set("cité")),
    (_set("no marcado"), _set("marcado")),
    (_set("no seleccionado"), _set("seleccionado")),
    (_set("no mencionado"), _set("mencionado")),
)
"""Pairs of words that mean no and yes, or an option that was not ticked and one that was."""

MARKS = _set("x|✓|✔|☑|*|1|true|on") | frozenset(word for _, yes in YES_AND_NO for word in yes)
"""What a column that is one option holds where the option was ticked; elsewhere its cells are empty."""

_SILENCE: Mapping[str, frozenset[str]] = {
    "skip": _set(
        """.|..|-|--|?|na|n/a|#n/a|n.a.|n. a.|<na>|nan|null|#null!|missing|system missing|sysmis|blank|(blank)|(empty)|empty|no data
        #div/0!|#value!|#ref!|#name?|#num!
        no answer|no answer given|not answered|no response|non-response|nonresponse|unanswered|not given|not applicable|not asked|not shown
        not specified|unspecified|skipped
        sans réponse|pas de réponse|aucune réponse|non-réponse|non réponse|non répondu|non renseigné|non renseignée|nr|n.r.|sans objet
        non applicable|non concerné|non concernée|non posé|ne se prononce pas
        keine antwort|ohne antwort|keine angabe|keine angaben|k.a.|k. a.|k.a|nicht beantwortet|ohne angabe|nicht gefragt|entfällt|fehlend
        sin respuesta|sin contestar|no contesta|no contestado|no responde|no respondió|nc|n/c|n.c.|no aplica|no procede|sin datos
        sem resposta|não respondeu|não se aplica|nessuna risposta|non risponde|non risposto|geen antwoord|niet van toepassing|n.v.t."""
    ),
    "dont_know": _set(
        """don't know|dont know|do not know|i don't know|i do not know|i dont know|dk|d/k|don't know / not sure|don't know/not sure
        don't know / no opinion|don't know/no opinion|no opinion|can't say|cannot say|can't choose|don't know / can't say|unknown
        don't know / no answer|don't know/no answer|dk/na|dk / na|dkna
        ne sait pas|je ne sais pas|ne sais pas|sais pas|nsp|ns|sans opinion|pas d'opinion|sans avis|je ne sais pas / sans opinion
        ne sait pas / sans opinion|ne sait pas / ne se prononce pas|nspp|ns/nr
        weiß nicht|weiß ich nicht|ich weiß nicht|weiß ich nicht / keine angabe|weiß nicht / keine angabe|weiß nicht/keine angabe|wn
        keine ahnung|keine meinung|kann ich nicht sagen|kann ich nicht beurteilen|kann ich nicht einschätzen|unbekannt
        no sé|no se|no lo sé|no lo se|no sabe|ns/nc|ns / nc|nsnc|no sabe/no contesta|no sabe / no contesta|no sabe, no contesta|sin opinión
        não sei|não sabe|non so|non sa|weet niet|weet ik niet|ik weet het niet"""
    ),
    "refuse": _set(
        """prefer not to say|prefer not to answer|i prefer not to say|i prefer not to answer|i'd prefer not to say|i would prefer not to say
        i'd rather not say|rather not say|would rather not say|refused|refusal|refuse|refuse to answer|refused to answer|decline to answer
        declined to answer|declined|prefer not to disclose|do not wish to answer|don't want to say|no comment
        préfère ne pas répondre|je préfère ne pas répondre|je préfère ne pas le dire|préfère ne pas le dire|ne souhaite pas répondre
        je ne souhaite pas répondre|ne veut pas répondre|je ne veux pas répondre|refus|refus de répondre|refuse de répondre
        möchte ich nicht sagen|möchte ich nicht angeben|möchte ich nicht beantworten|möchte nicht antworten|möchte keine angabe machen
        ich möchte nicht antworten|ich möchte keine angabe machen|verweigert|antwort verweigert|verweigerung
        prefiero no decirlo|prefiero no decir|prefiero no responder|prefiero no contestar|no quiero contestar|no quiere contestar|rechaza
        rehúsa|se niega a contestar|prefiro não dizer|prefiro não responder|preferisco non rispondere|preferisco non dirlo
        wil ik niet zeggen|zeg ik liever niet"""
    ),
}
_KIND_OF_WORD = {word: kind for kind, words in _SILENCE.items() for word in words}

_CODED = re.compile(r"^(?:-?\d{1,5}|[a-z])\s*[-:=.)]\s+")
_SEVERAL = re.compile(r"\s*[/,;|]\s*|\s+(?:or|oder|ou|o|and|und|et|y)\s+")


@lru_cache(maxsize=1 << 16)
def _kind_of(text: str) -> str | None:
    """Return the kind of silence that a text means where no short codes stand beside it."""
    word = re.sub(r"^[\[(<\"]+|[\])>\".]+$", "", plain(text)) or plain(text)
    kind = _KIND_OF_WORD.get(plain(text)) or _KIND_OF_WORD.get(word) or _KIND_OF_WORD.get(_CODED.sub("", word))
    if kind is None and len(parts := _SEVERAL.split(_CODED.sub("", word))) > 1 and all(part in _KIND_OF_WORD for part in parts):
        kind = _KIND_OF_WORD[parts[0]]
    return kind


def silence_of(text: str, others: Collection[str] = ()) -> str | None:
    """Return the kind of silence that a word means, None for an answer. A short word among `others` that are codes is one of them.

    >>> silence_of("Weiß nicht"), silence_of("N/A"), silence_of("NA", ["DE", "FR", "IT", "NA"]), silence_of("None of these")
    ('dont_know', 'skip', None, None)
    """
    kind = _kind_of(text)
    word = plain(text)
    if kind and word.isalpha() and len(word) <= 3:
        short = [other for other in others if plain(other).isalpha() and len(other.strip()) <= 3 and plain(other) not in _KIND_OF_WORD]
        rest = [other for other in others if plain(other) not in _KIND_OF_WORD]
        if len(short) >= 3 and len(short) > len(rest) / 2:
            return None
    return kind


def binary_code(text: str) -> int | None:
    """Return 1 for a word or digit that means yes, 0 for one that means no, None for any other."""
    word = plain(text)
    if word in ("1", "1.0", "+1", "true"):
        return 1
    if word in ("0", "0.0", "-0", "false"):
        return 0
    return next((1 if word in yes else 0 for no, yes in YES_AND_NO if word in no | yes), None)


def are_binary(texts: Collection[str]) -> bool:
    """Return whether all words come from one pair: 0 and 1, false and true, or no and yes in one language."""
    words = {plain(text) for text in texts}
    whole = {str(int(float(word))) if re.fullmatch(r"[+-]?\d(\.0+)?", word) else word for word in words}
    pairs = [frozenset("01"), frozenset(("false", "true")), *(no | yes for no, yes in YES_AND_NO)]
    return bool(words) and any(whole <= pair for pair in pairs)
