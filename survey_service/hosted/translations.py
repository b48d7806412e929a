"""The words that only pages say, by language, beside those of the interface."""

from collections.abc import Mapping

PAGE_STRINGS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "ended": "This survey has ended. What you answered is kept.",
        "old_page": "What you sent came from an old page and could not be stored. Please go on here.",
        "page_missing": "There is no page at this address. Check that the address is complete, or ask whoever sent it to you.",
        "page_wrong": "This could not be read. Please go back and send it again.",
        "page_away": "The survey cannot be reached just now, and this was not stored. Please try again in a moment.",
        "page_long": "This address is too long to be read. The survey opens without what was added to it.",
        "survey_paused": "This survey takes no new answers at the moment.",
        "retry": "Try again",
        "open": "Open the survey",
    },
    "fr": {
        "ended": "Ce questionnaire est terminé. Vos réponses sont conservées.",
        "old_page": "Votre envoi venait d’une ancienne page et n’a pas pu être enregistré. Continuez ici.",
        "page_missing": (
            "Il n’y a pas de page à cette adresse. Vérifiez que l’adresse est complète, ou demandez-la à la personne qui vous l’a envoyée."
        ),
        "page_wrong": "Votre envoi n’a pas pu être lu. Revenez en arrière et envoyez-le de nouveau.",
        "page_away": "Le questionnaire n’est pas disponible pour le moment, et rien n’a été enregistré. Réessayez dans un instant.",
        "page_long": "Cette adresse est trop longue pour être lue. Le questionnaire s’ouvre sans ce qui y a été ajouté.",
        "survey_paused": "Ce questionnaire n’accepte pas de nouvelles réponses pour le moment.",
        "retry": "Réessayer",
        "open": "Ouvrir le questionnaire",
    },
    "de": {
        "ended": "Diese Umfrage ist beendet. Ihre Antworten sind gespeichert.",
        "old_page": "Das kam von einer alten Seite und konnte nicht gespeichert werden. Bitte machen Sie hier weiter.",
        "page_missing": (
            "Unter dieser Adresse gibt es keine Seite. Prüfen Sie, ob die Adresse vollständig ist, oder fragen "
            "Sie, wer sie Ihnen geschickt hat."
        ),
        "page_wrong": "Das konnte nicht gelesen werden. Bitte gehen Sie zurück und senden Sie es noch einmal.",
        "page_away": (
            "Die Umfrage ist gerade nicht erreichbar, und dies wurde nicht gespeichert. Bitte versuchen Sie es gleich noch einmal."
        ),
        "page_long": "Diese Adresse ist zu lang, um gelesen zu werden. Die Umfrage öffnet sich ohne das, was angehängt wurde.",
        "survey_paused": "Diese Umfrage nimmt zurzeit keine neuen Antworten an.",
        "retry": "Noch einmal versuchen",
        "open": "Umfrage öffnen",
    },
    "es": {
        "ended": "Esta encuesta ha terminado. Sus respuestas se conservan.",
        "old_page": "Lo que envió venía de una página antigua y no se pudo guardar. Siga aquí.",
        "page_missing": "No hay ninguna página en esta dirección. Compruebe que está completa o pregunte a quien se la envió.",
        "page_wrong": "Esto no se pudo leer. Vuelva atrás y envíelo de nuevo.",
        "page_away": "La encuesta no está disponible en este momento, y esto no se guardó. Inténtelo de nuevo dentro de un momento.",
        "page_long": "Esta dirección es demasiado larga para leerla. La encuesta se abre sin lo que se le añadió.",
        "survey_paused": "Esta encuesta no admite nuevas respuestas por el momento.",
        "retry": "Intentar de nuevo",
        "open": "Abrir la encuesta",
    },
    "pt": {
        "ended": "Este questionário terminou. As suas respostas ficam guardadas.",
        "old_page": "O que enviou vinha de uma página antiga e não pôde ser guardado. Continue aqui.",
        "page_missing": "Não há nenhuma página neste endereço. Verifique se está completo ou pergunte a quem lho enviou.",
        "page_wrong": "Não foi possível ler o que enviou. Volte atrás e envie de novo.",
        "page_away": "O questionário não está disponível neste momento, e isto não foi guardado. Tente de novo dentro de instantes.",
        "page_long": "Este endereço é demasiado longo para ser lido. O questionário abre sem o que lhe foi acrescentado.",
        "survey_paused": "De momento, este questionário não aceita novas respostas.",
        "retry": "Tentar de novo",
        "open": "Abrir o questionário",
    },
    "it": {
        "ended": "Questo questionario è terminato. Le Sue risposte sono conservate.",
        "old_page": "L’invio veniva da una pagina vecchia e non è stato salvato. Continui qui.",
        "page_missing": "A questo indirizzo non c’è nessuna pagina. Controlli che sia completo o chieda a chi gliel’ha mandato.",
        "page_wrong": "Non è stato possibile leggere l’invio. Torni indietro e invii di nuovo.",
        "page_away": "Il questionario non è raggiungibile in questo momento, e questo non è stato salvato. Riprovi tra poco.",
        "page_long": "Questo indirizzo è troppo lungo per essere letto. Il questionario si apre senza ciò che è stato aggiunto.",
        "survey_paused": "Al momento questo questionario non accetta nuove risposte.",
        "retry": "Riprovare",
        "open": "Aprire il questionario",
    },
    "nl": {
        "ended": "Deze vragenlijst is afgelopen. Uw antwoorden zijn bewaard.",
        "old_page": "Wat u stuurde kwam van een oude pagina en kon niet worden bewaard. Ga hier verder.",
        "page_missing": "Op dit adres is geen pagina. Controleer of het adres volledig is, of vraag het aan wie het u stuurde.",
        "page_wrong": "Dit kon niet worden gelezen. Ga terug en stuur het opnieuw.",
        "page_away": "De vragenlijst is nu even niet bereikbaar, en dit is niet bewaard. Probeer het zo meteen opnieuw.",
        "page_long": "Dit adres is te lang om te lezen. De vragenlijst opent zonder wat eraan is toegevoegd.",
        "survey_paused": "Deze vragenlijst neemt op dit moment geen nieuwe antwoorden aan.",
        "retry": "Opnieuw proberen",
        "open": "Vragenlijst openen",
    },
    "ar": {
        "ended": "انتهى هذا الاستبيان. إجاباتك محفوظة.",
        "old_page": "جاء ما أرسلته من صفحة قديمة ولم يمكن حفظه. يرجى المتابعة هنا.",
        "page_missing": "لا توجد صفحة في هذا العنوان. تأكد من أن العنوان كامل، أو اسأل من أرسله إليك.",
        "page_wrong": "تعذرت قراءة ما أرسلته. يرجى الرجوع وإرساله مرة أخرى.",
        "page_away": "لا يمكن الوصول إلى الاستبيان الآن، ولم يُحفظ هذا. يرجى المحاولة مرة أخرى بعد قليل.",
        "page_long": "هذا العنوان أطول من أن يُقرأ. يُفتح الاستبيان من دون ما أُضيف إليه.",
        "survey_paused": "لا يقبل هذا الاستبيان إجابات جديدة في الوقت الحالي.",
        "retry": "حاول مرة أخرى",
        "open": "فتح الاستبيان",
    },
}
