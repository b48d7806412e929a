"""The texts of the landing pages and emails, by language."""

from collections.abc import Mapping

from question_bank.languages import negotiate

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
        "profile": "No profile of me",
        "profile_what": "We delete what we derived about you from other data than your answers, and derive nothing more.",
        "profile_done": "We derive nothing about you any more.",
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
        "profile": "Pas de profil de moi",
        "profile_what": "Nous effaçons ce que d’autres données que vos réponses nous ont appris de vous, et n’en déduisons plus rien.",
        "profile_done": "Nous ne déduisons plus rien de vous.",
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
    "de": {
        "chosen": "Ihre Wahl:",
        "change": "Ändern",
        "right": "Das stimmt",
        "kept": "Ihre Antwort ist gespeichert. Vielen Dank.",
        "skipped": "Sie haben diese Frage übersprungen.",
        "leave": "Nicht Sie? Keine Fragen mehr?",
        "leave_title": "Was sollen wir tun?",
        "not_me": "Das bin ich nicht",
        "not_me_what": (
            "Diese Nachricht war für jemand anderen bestimmt. Ihre Links führen nirgendwohin mehr, und was über sie "
            "geantwortet wurde, zählt für diese Person nicht."
        ),
        "not_me_done": "Vielen Dank. Die Links dieser Nachricht funktionieren nicht mehr.",
        "alone": "Fragen Sie mich nicht mehr",
        "alone_what": "Wir schicken keine Fragen mehr.",
        "alone_done": "Wir fragen Sie nicht mehr.",
        "profile": "Kein Profil von mir",
        "profile_what": "Wir löschen, was wir aus anderen Daten als Ihren Antworten über Sie abgeleitet haben, und leiten nichts mehr ab.",
        "profile_done": "Wir leiten nichts mehr über Sie ab.",
        "go_back": "Zurück zur Frage",
        "on_the_web": "Auf einer Seite antworten",
        "link_invalid": (
            "Dieser Link ist nicht vollständig. Bitte öffnen Sie ihn noch einmal aus der E-Mail, oder kopieren Sie die ganze Adresse."
        ),
        "link_expired": "Dieser Link ist abgelaufen. Wenn Sie noch antworten möchten, bitten Sie den Absender der E-Mail um einen neuen.",
        "link_revoked": (
            "Dieser Link funktioniert nicht mehr. Wenn die E-Mail für Sie bestimmt war, bitten Sie den Absender um einen neuen."
        ),
        "link_alone": (
            "Sie haben uns gebeten, Sie nicht mehr zu fragen; darum steht hier keine Frage. Wenn Sie es sich anders "
            "überlegt haben, sagen Sie es dem Absender der E-Mail."
        ),
    },
    "es": {
        "chosen": "Ha elegido",
        "change": "Cambiar",
        "right": "Es correcto",
        "kept": "Su respuesta está guardada. Gracias.",
        "skipped": "Ha omitido esta pregunta.",
        "leave": "¿No es usted? ¿No quiere más preguntas?",
        "leave_title": "¿Qué debemos hacer?",
        "not_me": "No soy yo",
        "not_me_what": (
            "Este mensaje era para otra persona. Sus enlaces dejan de funcionar, y lo que se respondió con ellos no "
            "cuenta para esa persona."
        ),
        "not_me_done": "Gracias. Los enlaces de este mensaje ya no funcionan.",
        "alone": "No me pregunten más",
        "alone_what": "No enviaremos más preguntas.",
        "alone_done": "No le preguntaremos más.",
        "profile": "Ningún perfil de mí",
        "profile_what": "Borramos lo que hemos deducido de usted a partir de otros datos que sus respuestas, y no deduciremos nada más.",
        "profile_done": "Ya no deducimos nada sobre usted.",
        "go_back": "Volver a la pregunta",
        "on_the_web": "Responder en una página",
        "link_invalid": "Este enlace no está completo. Ábralo de nuevo desde el correo o copie la dirección entera.",
        "link_expired": "Este enlace ha caducado. Si todavía quiere responder, pida uno nuevo a quien le envió el correo.",
        "link_revoked": "Este enlace ya no funciona. Si el correo era para usted, pida uno nuevo a quien se lo envió.",
        "link_alone": (
            "Nos pidió que no le preguntáramos más, así que aquí no hay ninguna pregunta. Si ha cambiado de idea, "
            "dígaselo a quien le envió el correo."
        ),
    },
    "pt": {
        "chosen": "Escolheu",
        "change": "Alterar",
        "right": "Está certo",
        "kept": "A sua resposta foi guardada. Obrigado.",
        "skipped": "Saltou esta pergunta.",
        "leave": "Não é consigo? Não quer mais perguntas?",
        "leave_title": "O que devemos fazer?",
        "not_me": "Não sou eu",
        "not_me_what": (
            "Esta mensagem destinava-se a outra pessoa. As suas ligações deixam de funcionar, e o que foi respondido "
            "através delas não conta para essa pessoa."
        ),
        "not_me_done": "Obrigado. As ligações desta mensagem já não funcionam.",
        "alone": "Não me perguntem mais",
        "alone_what": "Não enviaremos mais perguntas.",
        "alone_done": "Não lhe perguntaremos mais.",
        "profile": "Nenhum perfil meu",
        "profile_what": "Apagamos o que deduzimos sobre si de dados que não são as suas respostas, e não deduziremos mais nada.",
        "profile_done": "Já não deduzimos nada sobre si.",
        "go_back": "Voltar à pergunta",
        "on_the_web": "Responder numa página",
        "link_invalid": "Esta ligação não está completa. Abra-a de novo a partir do e-mail ou copie o endereço inteiro.",
        "link_expired": "Esta ligação expirou. Se ainda quiser responder, peça uma nova a quem lhe enviou o e-mail.",
        "link_revoked": "Esta ligação já não funciona. Se o e-mail era para si, peça uma nova a quem o enviou.",
        "link_alone": (
            "Pediu-nos que não lhe perguntássemos mais, por isso não há aqui nenhuma pergunta. Se mudou de ideias, "
            "diga-o a quem lhe enviou o e-mail."
        ),
    },
    "it": {
        "chosen": "Ha scelto",
        "change": "Modifica",
        "right": "È giusto",
        "kept": "La sua risposta è stata salvata. Grazie.",
        "skipped": "Ha saltato questa domanda.",
        "leave": "Non è lei? Non vuole altre domande?",
        "leave_title": "Che cosa dobbiamo fare?",
        "not_me": "Non sono io",
        "not_me_what": (
            "Questo messaggio era destinato a qualcun altro. I suoi link non funzionano più, e le risposte date con "
            "essi non contano per quella persona."
        ),
        "not_me_done": "Grazie. I link di questo messaggio non funzionano più.",
        "alone": "Non fatemi altre domande",
        "alone_what": "Non invieremo altre domande.",
        "alone_done": "Non le faremo altre domande.",
        "profile": "Nessun profilo di me",
        "profile_what": "Cancelliamo ciò che abbiamo dedotto di lei da dati diversi dalle sue risposte, e non dedurremo altro.",
        "profile_done": "Non deduciamo più nulla di lei.",
        "go_back": "Torna alla domanda",
        "on_the_web": "Rispondi su una pagina",
        "link_invalid": "Questo link non è completo. Lo apra di nuovo dall’e-mail, oppure copi l’indirizzo intero.",
        "link_expired": "Questo link è scaduto. Se vuole ancora rispondere, ne chieda uno nuovo a chi le ha scritto.",
        "link_revoked": "Questo link non funziona più. Se l’e-mail era per lei, chieda un nuovo link a chi le ha scritto.",
        "link_alone": (
            "Ci ha chiesto di non farle altre domande, quindi qui non ce ne sono. Se ha cambiato idea, lo dica a chi le ha scritto."
        ),
    },
    "nl": {
        "chosen": "U koos",
        "change": "Wijzigen",
        "right": "Dat klopt",
        "kept": "Uw antwoord is bewaard. Dank u wel.",
        "skipped": "U hebt deze vraag overgeslagen.",
        "leave": "Bent u dit niet? Wilt u geen vragen meer?",
        "leave_title": "Wat moeten we doen?",
        "not_me": "Dit ben ik niet",
        "not_me_what": (
            "Dit bericht was voor iemand anders bedoeld. De links werken niet meer, en wat ermee is geantwoord telt niet voor die persoon."
        ),
        "not_me_done": "Dank u wel. De links van dit bericht werken niet meer.",
        "alone": "Vraag mij niets meer",
        "alone_what": "We sturen geen vragen meer.",
        "alone_done": "We vragen u niets meer.",
        "profile": "Geen profiel van mij",
        "profile_what": "We wissen wat we uit andere gegevens dan uw antwoorden over u hebben afgeleid, en leiden niets meer af.",
        "profile_done": "We leiden niets meer over u af.",
        "go_back": "Terug naar de vraag",
        "on_the_web": "Antwoorden op een pagina",
        "link_invalid": "Deze link is niet volledig. Open hem opnieuw vanuit de e-mail, of kopieer het hele adres.",
        "link_expired": "Deze link is verlopen. Wilt u nog antwoorden, vraag dan een nieuwe aan de afzender van de e-mail.",
        "link_revoked": "Deze link werkt niet meer. Was de e-mail voor u bedoeld, vraag dan een nieuwe aan de afzender.",
        "link_alone": (
            "U hebt ons gevraagd u niets meer te vragen; daarom staat hier geen vraag. Bent u van gedachten "
            "veranderd, zeg het dan tegen de afzender van de e-mail."
        ),
    },
    "ar": {
        "chosen": "لقد اخترت",
        "change": "تغيير",
        "right": "هذا صحيح",
        "kept": "حُفظت إجابتك. شكرًا لك.",
        "skipped": "لقد تخطيت هذا السؤال.",
        "leave": "لست الشخص المقصود؟ لا تريد أسئلة بعد الآن؟",
        "leave_title": "ماذا تريد منا أن نفعل؟",
        "not_me": "هذا ليس أنا",
        "not_me_what": "كانت هذه الرسالة موجهة إلى شخص آخر. ستتوقف روابطها عن العمل، ولن تُحتسب لذلك الشخص أي إجابة قُدمت من خلالها.",
        "not_me_done": "شكرًا لك. لم تعد روابط هذه الرسالة تعمل.",
        "alone": "لا تسألوني مرة أخرى",
        "alone_what": "لن نرسل أسئلة أخرى.",
        "alone_done": "لن نسألك مرة أخرى.",
        "profile": "لا تنشئوا ملفًا عني",
        "profile_what": "نحذف ما استنتجناه عنك من بيانات غير إجاباتك، ولن نستنتج شيئًا آخر.",
        "profile_done": "لن نستنتج عنك شيئًا بعد الآن.",
        "go_back": "العودة إلى السؤال",
        "on_the_web": "الإجابة في صفحة",
        "link_invalid": "هذا الرابط غير كامل. افتحه مرة أخرى من الرسالة أو انسخ العنوان كاملًا.",
        "link_expired": "انتهت صلاحية هذا الرابط. إذا كنت لا تزال ترغب في الإجابة فاطلب رابطًا جديدًا ممن أرسل إليك الرسالة.",
        "link_revoked": "لم يعد هذا الرابط يعمل. إذا كانت الرسالة موجهة إليك فاطلب رابطًا جديدًا ممن أرسلها.",
        "link_alone": "طلبت منا ألا نسألك مرة أخرى، لذلك لا يوجد سؤال هنا. إذا غيّرت رأيك فأخبر من أرسل إليك الرسالة.",
    },
}


def strings(language: str) -> Mapping[str, str]:
    """Return the texts in a language, in English where there is no translation."""
    return STRINGS[negotiate(language, STRINGS)]
