"""Recognise columns that are no questions: personal data, and what survey tools write beside the answers."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from question_bank.exports.numbers import PLAIN
from question_bank.exports.words import plain

ID_NAME = re.compile(
    r"(.*[^a-z])?(id|uuid|guid|e-?mail|respondent|participant)|(.*[^a-z])?(respondent|participant|customer|contact|client|user)[^a-z]*(id|nr|no|number|key)"
)
MOST_FREE = 0.5
"""Share of different values among long answers from which they are free text."""
FEWEST_TEXTS = 5
LONG_TEXT = 25
"""Mean number of characters of free text."""


def _names(words: str) -> frozenset[str]:
    return frozenset(plain(word) for word in re.split(r"[|\n]", words) if word.strip())


PERSONAL: Mapping[str, frozenset[str]] = {
    "an e-mail address": _names(
        """email|e-mail|mail|email address|e-mail address|recipientemail|recipient email|your email|email id|adresse e-mail
        adresse email|adresse mail|adresse électronique|adresse de messagerie|courriel|mél|adresse courriel|e-mail-adresse
        emailadresse|mailadresse|e-mail adresse|correo|correo electrónico|dirección de correo electrónico|username
        indirizzo email|endereço de email|e-mailadres|nom d'utilisateur|nutzername|nombre de usuario"""
    ),
    "a phone number": _names(
        """phone|phone number|telephone|telephone number|mobile|mobile number|mobile phone|cell|cell phone|tel|tel.|fax|whatsapp
        téléphone|numéro de téléphone|portable|telefon|telefonnummer|handy|handynummer|mobilnummer|rufnummer|teléfono
        número de teléfono|móvil|celular|telefono|cellulare|telefone"""
    ),
    "a name": _names(
        """name|first name|firstname|last name|lastname|surname|full name|fullname|family name|given name|forename|your name
        middle name|recipientfirstname|recipientlastname|recipient first name|recipient last name|respondent name|contact name
        customer name|client name|initials|nom|prénom|nom de famille|nom complet|nom et prénom|prénom et nom|votre nom|vorname
        nachname|familienname|vor- und nachname|ihr name|nombre|apellido|apellidos|nombre completo|nombre y apellidos|nome
        cognome|voornaam|achternaam|company name"""
    ),
    "a postcode": _names(
        """zip|zip code|zipcode|postcode|post code|postal code|postalcode|zip/postal code|zip / postal code|zip or postal code
        code postal|cp|plz|postleitzahl|código postal|codigo postal|cap|postcode/zip|your postcode"""
    ),
    "an address": _names(
        """address|address 1|address 2|address line 1|address line 2|street|street address|home address|mailing address
        house number|city/town|state/province|location address|postal address|full address|adresse|adresse postale|rue
        numéro de rue|complément d'adresse|straße|strasse|hausnummer|anschrift|wohnadresse|straße und hausnummer|dirección
        direccion|calle|domicilio|indirizzo|via|endereço|adres|straat|city|town|ville|commune|stadt|wohnort|ort|ciudad
        localidad|company"""
    ),
    "a date of birth": _names(
        """birthday|birth date|birthdate|date of birth|dob|day of birth|date de naissance|anniversaire|né le|née le|geburtsdatum
        geburtstag|geb.|geb.-datum|fecha de nacimiento|cumpleaños|data di nascita|data de nascimento|geboortedatum"""
    ),
    "a bank account": _names(
        "iban|bic|account number|bank account|kontonummer|compte bancaire|numéro de compte|cuenta bancaria|credit card|card number"
    ),
    "an IP address": _names("ip|ip address|ipaddress|ipaddr|ip-address|adresse ip|ip-adresse|dirección ip|remote ip|client ip"),
    "an account name": _names("twitter|instagram|linkedin|facebook|nickname|handle|screen name|pseudo|login|benutzername|usuario"),
    "an identity number": _names(
        "ssn|social security number|passport|passport number|tax id|nif|dni|nie|numéro de sécurité sociale|steuernummer|personalausweis"
    ),
}
ASKED: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (reason, re.compile(rf".*\b(?:your|votre|vos|ihre?|deine?|su|tu|tus)\s+(?:{words})"))
    for reason, words in (
        (
            "an e-mail address",
            r"(?:business |work )?e-?mail(?:[ -]?address| id|[ -]?adresse)?|adresse (?:e-?mail|mail|électronique)|correo(?: electrónico)?",
        ),
        (
            "a phone number",
            r"(?:mobile |cell |tele)?phone(?: number)?|(?:numéro de )?téléphone|telefonnummer|handynummer|(?:número de )?teléfono",
        ),
        ("a name", r"(?:first |last |full |sur)?name|nom(?: de famille)?|prénom|(?:vor|nach)name|nombre(?: completo)?|apellidos?"),
        ("a postcode", r"zip(?: code)?|post ?code|postal code|code postal|postleitzahl|plz|código postal"),
        ("an address", r"(?:home |street |postal )?address|adresse(?: postale)?|anschrift|dirección"),
        ("a date of birth", r"date of birth|birth ?day|birth date|date de naissance|geburts(?:datum|tag)|fecha de nacimiento"),
    )
)
"""Questions that ask for what identifies a person, at their end: ``What is your zip code?``"""
TECHNICAL: Mapping[str, frozenset[str]] = {
    "an id": _names(
        """id|#|no.|nr|nr.|n°|uuid|guid|record|record id|case|caseid|case id|respondent|respid|resp_id|respondent id
        respondent_id|response id|responseid|collector id|collectorid|participant id|participantid|panelist id|user id|userid
        session id|sessionid|token|serial|seed|external_id|external id|externalreference|external data reference
        externaldatareference|network id|submission id|entry id|row|index|interview id|quest|questnnr|antwort-id
        id de la réponse|id de respuesta|id da resposta|idfeedback|lfdn|lfd. nr.|laufende nummer|external_lfdn|tester"""
    ),
    "a time stamp": _names(
        """timestamp|time stamp|date|date submitted|submitdate|submit date|startdate|start date|enddate|end date|recordeddate
        recorded date|started|ended|start time|end time|starttime|endtime|completion time|last modified time|date started
        date last action|datestamp|date created|date modified|created at|created_at|updated at|updated_at|submitted at
        submitted_at|completed at|completed_at|started at|started_at|start date (utc)|submit date (utc)|stage date (utc)
        response date|interview date|survey date|lastdata|last data|date_of_last_access|date_of_first_mail|horodateur
        date de soumission|date de lancement|date de la dernière action|heure de début|heure de fin|date de début|date de fin
        date de réponse|zeitstempel|datum|datum abgeschickt|datum gestartet|datum letzte aktivität|startzeit|endzeit
        fertigstellungszeit|startdatum|enddatum|beginn|marca temporal|fecha|fecha de envío|fecha de inicio
        fecha de finalización|hora de inicio|hora de finalización|fecha de última acción|informazioni cronologiche
        carimbo de data/hora|tijdstempel|datetime|zeitpunkt"""
    ),
    "a duration": _names(
        """duration|duration (in seconds)|duration in seconds|duration (seconds)|time taken|time spent|time to complete
        completion time (s)|interviewtime|total time|interview length|loi|qtime|time_sum|time_rsi|deg_time
        time taken to complete (seconds)|response time|elapsed time|durée|temps total|temps passé|temps de réponse|dauer
        gesamtzeit|bearbeitungszeit|bearbeitungsdauer|duración|tiempo total"""
    ),
    "a weight": _names(
        """weight|weights|wt|wgt|wght|weighting|weight factor|final weight|weightvec|pweight|dweight|pspwght|pspweight|anweight
        survey weight|sample weight|sampling weight|wgtfin|wtfinal|poids|pondération|coefficient de pondération|redressement
        gewicht|gewichtung|gewichtungsfaktor|peso|ponderación"""
    ),
    "about the device": _names(
        """device|device type|device_type|user agent|useragent|user-agent|user_agent|browser|browser version|operating system|os
        os version|screen resolution|resolution|screen width|screen height|platform|dispositif|appareil|navigateur
        système d'exploitation|gerät|gerätetyp|betriebssystem|dispositivo|navegador|sistema operativo|output_mode|javascript
        flash"""
    ),
    "about where it came from": _names(
        """referrer|referer|refurl|referrer url|ref|url|source url|distributionchannel|distribution channel|collector
        collector name|utm_source|utm_medium|utm_campaign|utm_content|utm_term|gclid|fbclid|locationlatitude|location latitude
        locationlongitude|location longitude|latitude|longitude|lat|lon|lng|url de référence|referenz-url|url de referencia"""
    ),
    "about the interview": _names(
        """progress|finished|lastpage|last page|last_page|maxpage|max page|startlanguage|start language|userlanguage
        user language|responseset|response set|recipientfirstname|response type|ending|tags|missing|missrel|q_viewer|mailsent
        dispcode|lastpage_|quality|rts|seriennummer|quota|quota_assignment|survey status|response status|completion status
        total points|quiz feedback|custom data 1|custom data 2|custom data 3|custom data 4|custom data 5|letzte seite
        start-sprache|startsprache|zufallsstartwert|dernière page|langue de départ|langue de début|tête de série|última página
        lenguaje inicial|idioma inicial|semilla|lenguaje de inicio|graine|gesamtpunktzahl|quizfeedback|total des points"""
    ),
}
PATTERNS: Mapping[str, re.Pattern[str]] = {
    "a duration": re.compile(
        r"time\d{3}|group ?time.*|question ?time.*|.*_page submit|.*_(first|last) click|p\d+_time"
        r"|gruppenzeit.*|temps pour.*|duration .*|durée .*"
    ),
    "about the device": re.compile(r"(.*_)?(browser|version|operating system|resolution|user agent|click count)"),
    "about the interview": re.compile(
        r".*_do(_\d+)?|q_\w*(score|duplicate|fraud|url|bot)\w*|sc\d+|random\w*|custom data.*|(points|feedback|punkte|commentaires) - .*"
    ),
    "a weight": re.compile(r"(.*_)?(weight|wgt|pweight|wght)s?([_ ]?\d+)?|gew(icht)?_?\d+"),
}
OF_A_TOOL = re.compile(
    r"responseid|response id|respondent id|collector id|case|questnnr|submitdate|recordeddate|horodateur|id|timestamp|submit date \(utc\)"
)
FREE_TEXT_NAME = re.compile(
    r".*(\bother\b|please specify|please describe|\bautre\b|précisez|sonstiges|sonstige|bitte angeben|\botro\b|especifique|_text$"
    r"|open-ended response|\[other\]|\[comment\]|\bcomments?\b|commentaires?\b|kommentar|bemerkung|comentario|verbatim|free text"
    r"|freitext|texte libre|feedback\b).*"
)
CAMEL_TIME = re.compile(r"\w*[a-z0-9]Time\d*")
"""How LimeSurvey names the seconds spent on a question or a group."""
EMAIL = re.compile(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]{2,}")
CARD = re.compile(r"(?:\d{4}[ -]){3}\d{4}")
SOCIAL_SECURITY = re.compile(r"\d{3}-\d{2}-\d{4}")
HANDLE = re.compile(r"@[A-Za-z0-9_.]{2,30}")
PLACE = re.compile(r"-?\d{1,2}\.\d{3,}\s*[,;]\s*-?\d{1,3}\.\d{3,}")
IBAN = re.compile(r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?")
IP = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}|(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}", re.IGNORECASE)
PHONE = re.compile(
    r"(?:\+|00)\d[\d\s().\-/]{6,18}|\(?0\d{1,4}\)?[\s./\-][\d\s.\-/]{5,14}|0\d{8,11}|\(\d{3}\) ?\d{3}-\d{4}|\d{3}-\d{3}-\d{4}"
)
DATE = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}[ -][A-Za-zéûäÀ-ÿ]{3,9}\.?[ -]\d{2,4}"
    r"|[A-Za-z]{3,9} \d{1,2},? \d{4})"
    r"([T ,]+\d{1,2}[:h.]\d{2}([:.]\d{2}(\.\d+)?)?\s*([AaPp]\.?[Mm]\.?)?\s*(Z|UTC|GMT|[+-]\d{2}:?\d{2}|[A-Z]{3,4})?([+-]\d{1,2})?)?"
)
CLOCK = re.compile(r"\d{1,3}:\d{2}(:\d{2}(\.\d+)?)?( ?[AaPp][Mm])?")
URL = re.compile(r"(https?://|www\.)\S+", re.IGNORECASE)
AGENT = re.compile(r"(Mozilla|Opera|Dalvik)/\d.*")
POSTCODE = re.compile(r"[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d")
UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{24,64}|R_[0-9A-Za-z]{11,17}", re.IGNORECASE)
CONTENT: tuple[tuple[str, re.Pattern[str], float], ...] = (
    ("an e-mail address", EMAIL, 0.0),
    ("a bank account", IBAN, 0.0),
    ("a bank account", CARD, 0.0),
    ("an identity number", SOCIAL_SECURITY, 0.3),
    ("an account name", HANDLE, 0.5),
    ("an address", PLACE, 0.5),
    ("an IP address", IP, 0.5),
    ("a time stamp", DATE, 0.6),
    ("a duration", CLOCK, 0.8),
    ("a phone number", PHONE, 0.4),
    ("a postcode", POSTCODE, 0.6),
    ("an id", UUID, 0.6),
    ("about where it came from", URL, 0.5),
    ("about the device", AGENT, 0.3),
)
"""What a cell holds, its form, and the share of such cells above which the column is left out."""


def looks_like_id(name: str) -> bool:
    """Return whether a column has the name of an id.

    >>> looks_like_id("Respondent ID"), looks_like_id("customer_no"), looks_like_id("paid")
    (True, True, False)
    """
    return bool(ID_NAME.fullmatch(re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower()))


def reason_of_name(names: Collection[str]) -> str | None:
    """Return what a column with such a name, or such a text, holds instead of answers; None where the name says nothing.

    >>> reason_of_name(["RecordedDate"]), reason_of_name(["Your e-mail address:"]), reason_of_name(["How often do you read e-mail?"])
    ('a time stamp', 'an e-mail address', None)
    """
    for name in names:
        if CAMEL_TIME.fullmatch(name):
            return "a duration"
        word = plain(name).strip(" :*?._").removeprefix("please enter ").removeprefix("what is ")
        short = re.sub(r"^(your|votre|ihre?|deine?|su|tu|q?\d+[.:)]|q\d+) ", "", word)
        for form in (word, short, word.replace("_", " "), word.replace("_", "").replace(" ", "")):
            for reason, known in (*PERSONAL.items(), *TECHNICAL.items()):
                if form and form in known:
                    return reason
        found = next((reason for reason, pattern in (*ASKED, *PATTERNS.items()) if pattern.fullmatch(word)), None)
        if found:
            return found
    return None


def reason_of_content(values: Sequence[str]) -> str | None:
    """Return what most cells of a column hold instead of answers, None where they may be answers.

    >>> reason_of_content(["ann@example.com", "red"]), reason_of_content(["2026-01-31 10:00", "2026-02-01"]), reason_of_content(["red"])
    ('an e-mail address', 'a time stamp', None)
    """
    counts = Counter(value for value in values if value)
    total = sum(counts.values())
    if not total:
        return None
    for reason, pattern, share in CONTENT:
        if sum(count for value, count in counts.items() if pattern.fullmatch(value)) > share * total:
            return reason
    return "an e-mail address" if any("@" in value and EMAIL.search(value) for value in counts) else None


IDENTIFYING = ("an e-mail address", "a phone number", "a name", "a bank account", "an IP address", "an identity number")


def identifies(name: str, values: Sequence[str]) -> str | None:
    """Return what a column holds that identifies people, None where it may describe them: a postcode or a date of birth does.

    >>> identifies("E-Mail", ["a@example.com"]), identifies("Postcode", ["10115"]), identifies("Contact", ["+33 6 12 34 56 78"])
    ('an e-mail address', None, 'a phone number')
    """
    word = plain(name)
    named = next((reason for reason in IDENTIFYING if word in PERSONAL[reason] and word not in ("cap", "company name")), None)
    found = named or reason_of_content(values)
    return found if found in IDENTIFYING else None


def is_free_text(name: str, text: str, values: Sequence[str], *, most_options: int) -> bool:
    """Return whether a column holds what people wrote freely: many different answers, long ones, or any where the name says so."""
    filled = [plain(value) for value in values if value]
    words = [value for value in filled if not PLAIN.fullmatch(value)]
    if not words or len(words) < len(filled) / 2:
        return False
    distinct = len(set(words))
    long = sum(map(len, words)) / len(words) > LONG_TEXT or sum(value.count(" ") + 1 for value in words) / len(words) >= 4
    named = any(FREE_TEXT_NAME.fullmatch(plain(form)) for form in (name, text))
    if named and (distinct > MOST_FREE * len(words) or distinct > most_options / 2 or distinct == 1):
        return True
    if distinct > most_options:
        return True
    return long and len(words) >= FEWEST_TEXTS and distinct > MOST_FREE * len(words)


def is_counted(values: Sequence[str]) -> bool:
    """Return whether a column counts its lines: 1, 2, 3, … or another number that grows by one."""
    if len(values) < 3 or not all(re.fullmatch(r"\d{1,9}", value) for value in values):
        return False
    return all(int(after) - int(before) == 1 for before, after in pairwise(values))
