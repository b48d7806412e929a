"""The words of ordered answers in English, French, German and Spanish, each with its rank; a scale is made of the ranks that occur."""

from collections.abc import Mapping

WORDS: Mapping[str, tuple[bool, Mapping[str, str]]] = {
    "agreement": (
        True,
        {
            "en": """-3 strongly disagree|completely disagree|totally disagree|fully disagree|disagree strongly|disagree completely|definitely disagree
            -2 disagree|mostly disagree
            -1 somewhat disagree|slightly disagree|rather disagree|tend to disagree|disagree somewhat|disagree slightly|disagree a little
            0 neither agree nor disagree|neither agree or disagree|neither disagree nor agree|neutral|undecided|neither|neither/nor
            1 somewhat agree|slightly agree|rather agree|tend to agree|agree somewhat|agree slightly|agree a little
            2 agree|mostly agree
            3 strongly agree|completely agree|totally agree|fully agree|agree strongly|agree completely|definitely agree""",
            "fr": """-3 pas du tout d'accord|tout à fait en désaccord|totalement en désaccord|fortement en désaccord|complètement en désaccord
            -2 pas d'accord|en désaccord
            -1 plutôt pas d'accord|plutôt en désaccord|pas vraiment d'accord|peu d'accord
            0 ni d'accord ni pas d'accord|ni d'accord, ni pas d'accord|ni en accord ni en désaccord|ni d'accord ni en désaccord|neutre|indécis|sans opinion tranchée
            1 plutôt d'accord|assez d'accord
            2 d'accord|en accord
            3 tout à fait d'accord|totalement d'accord|entièrement d'accord|fortement d'accord|complètement d'accord""",
            "de": """-3 stimme überhaupt nicht zu|stimme gar nicht zu|trifft überhaupt nicht zu|trifft gar nicht zu|lehne stark ab|stimme ganz und gar nicht zu
            -2 stimme nicht zu|trifft nicht zu|lehne ab
            -1 stimme eher nicht zu|trifft eher nicht zu|trifft weniger zu|stimme weniger zu
            0 teils, teils|teils/teils|teils teils|teils-teils|teils / teils|weder noch|weder/noch|neutral|unentschieden|stimme weder zu noch nicht zu|stimme teilweise zu|trifft teilweise zu
            1 stimme eher zu|trifft eher zu
            2 stimme zu|trifft zu|stimme überwiegend zu|trifft überwiegend zu
            3 stimme voll und ganz zu|stimme voll zu|stimme völlig zu|trifft voll und ganz zu|trifft voll zu|trifft völlig zu|stimme vollkommen zu|stimme sehr zu|stimme stark zu""",
            "es": """-3 totalmente en desacuerdo|muy en desacuerdo|completamente en desacuerdo
            -2 en desacuerdo
            -1 algo en desacuerdo|más bien en desacuerdo|parcialmente en desacuerdo
            0 ni de acuerdo ni en desacuerdo|ni en acuerdo ni en desacuerdo|ni de acuerdo, ni en desacuerdo|neutral|indiferente|indeciso
            1 algo de acuerdo|más bien de acuerdo|parcialmente de acuerdo
            2 de acuerdo
            3 totalmente de acuerdo|muy de acuerdo|completamente de acuerdo""",
        },
    ),
    "satisfaction": (
        True,
        {
            "en": """-3 very dissatisfied|extremely dissatisfied|completely dissatisfied|very unsatisfied|totally dissatisfied|not at all satisfied|highly dissatisfied
            -2 dissatisfied|unsatisfied|not satisfied|mostly dissatisfied
            -1 somewhat dissatisfied|slightly dissatisfied|rather dissatisfied|fairly dissatisfied|moderately dissatisfied|somewhat unsatisfied|not very satisfied
            0 neither satisfied nor dissatisfied|neither dissatisfied nor satisfied|neutral|neither|neither satisfied or dissatisfied|indifferent
            1 somewhat satisfied|slightly satisfied|rather satisfied|fairly satisfied|moderately satisfied
            2 satisfied|mostly satisfied
            3 very satisfied|extremely satisfied|completely satisfied|totally satisfied|highly satisfied""",
            "fr": """-3 très insatisfait|pas du tout satisfait|très mécontent|totalement insatisfait
            -2 insatisfait|pas satisfait|mécontent
            -1 plutôt insatisfait|plutôt pas satisfait|peu satisfait|assez insatisfait|pas vraiment satisfait
            0 ni satisfait ni insatisfait|ni satisfait, ni insatisfait|neutre|indifférent
            1 plutôt satisfait|assez satisfait|moyennement satisfait
            2 satisfait
            3 très satisfait|tout à fait satisfait|totalement satisfait|extrêmement satisfait""",
            "de": """-3 sehr unzufrieden|äußerst unzufrieden|völlig unzufrieden|überhaupt nicht zufrieden|gar nicht zufrieden
            -2 unzufrieden|nicht zufrieden
            -1 eher unzufrieden|eher nicht zufrieden|etwas unzufrieden|weniger zufrieden
            0 weder zufrieden noch unzufrieden|teils, teils|teils/teils|teils teils|weder noch|neutral
            1 eher zufrieden|etwas zufrieden|ziemlich zufrieden
            2 zufrieden
            3 sehr zufrieden|äußerst zufrieden|völlig zufrieden|vollkommen zufrieden""",
            "es": """-3 muy insatisfecho|nada satisfecho|totalmente insatisfecho|extremadamente insatisfecho
            -2 insatisfecho
            -1 algo insatisfecho|poco satisfecho|más bien insatisfecho
            0 ni satisfecho ni insatisfecho|neutral|indiferente
            1 algo satisfecho|bastante satisfecho|más bien satisfecho
            2 satisfecho
            3 muy satisfecho|totalmente satisfecho|extremadamente satisfecho""",
        },
    ),
    "likelihood": (
        True,
        {
            "en": """-3 very unlikely|extremely unlikely|definitely not|definitely will not|definitely would not|certainly not|not at all likely|highly unlikely
            -2 unlikely|probably not|probably will not|probably would not|not likely
            -1 somewhat unlikely|slightly unlikely|rather unlikely|moderately unlikely|not very likely
            0 neither likely nor unlikely|neither unlikely nor likely|neutral|might or might not|maybe|perhaps|possibly|undecided|unsure|not sure
            1 somewhat likely|slightly likely|rather likely|moderately likely|fairly likely
            2 likely|probably|probably yes|probably will|probably would
            3 very likely|extremely likely|definitely|definitely yes|definitely will|definitely would|certainly|highly likely""",
            "fr": """-3 très improbable|certainement pas|pas du tout probable|très peu probable|extrêmement improbable|sûrement pas
            -2 improbable|probablement pas|pas probable
            -1 plutôt improbable|peu probable
            0 ni probable ni improbable|neutre|peut-être|indécis
            1 plutôt probable|assez probable
            2 probable|probablement
            3 très probable|certainement|extrêmement probable|sûrement|tout à fait probable""",
            "de": """-3 sehr unwahrscheinlich|äußerst unwahrscheinlich|ganz sicher nicht|auf keinen fall|sicher nicht|bestimmt nicht
            -2 unwahrscheinlich|wahrscheinlich nicht
            -1 eher unwahrscheinlich|eher nicht
            0 weder wahrscheinlich noch unwahrscheinlich|vielleicht|neutral|weder noch|unentschieden|teils/teils
            1 eher wahrscheinlich|eher ja
            2 wahrscheinlich
            3 sehr wahrscheinlich|äußerst wahrscheinlich|ganz sicher|auf jeden fall|sicher|bestimmt""",
            "es": """-3 muy improbable|definitivamente no|seguro que no|nada probable|extremadamente improbable
            -2 improbable|probablemente no
            -1 algo improbable|poco probable
            0 ni probable ni improbable|quizás|quizá|tal vez|neutral|indeciso
            1 algo probable|bastante probable
            2 probable|probablemente|probablemente sí
            3 muy probable|definitivamente|definitivamente sí|seguro que sí|extremadamente probable""",
        },
    ),
    "importance": (
        False,
        {
            "en": """0 not at all important|not important at all|completely unimportant|very unimportant|extremely unimportant
            1 not important|unimportant|not very important|not so important|low importance
            2 slightly important|a little important|of little importance|less important|somewhat unimportant
            3 neutral|neither important nor unimportant|neither
            4 somewhat important|moderately important|fairly important|rather important|quite important|of some importance
            5 important|mostly important
            6 very important|highly important
            7 extremely important|absolutely essential|essential|critical""",
            "fr": """0 pas du tout important|sans aucune importance|très peu important|aucunement important
            1 pas important|sans importance
            2 peu important|plutôt pas important|pas très important|légèrement important
            3 neutre|ni important ni pas important|ni important, ni pas important
            4 moyennement important|assez important|plutôt important|modérément important
            5 important
            6 très important
            7 extrêmement important|essentiel|indispensable""",
            "de": """0 überhaupt nicht wichtig|gar nicht wichtig|völlig unwichtig|sehr unwichtig|ganz unwichtig
            1 unwichtig|nicht wichtig
            2 eher unwichtig|weniger wichtig|eher nicht wichtig|kaum wichtig|etwas wichtig
            3 teils, teils|teils/teils|weder noch|neutral|weder wichtig noch unwichtig|mittelmäßig wichtig
            4 eher wichtig|ziemlich wichtig
            5 wichtig
            6 sehr wichtig
            7 äußerst wichtig|extrem wichtig|unverzichtbar""",
            "es": """0 nada importante|sin ninguna importancia|muy poco importante
            1 no importante|sin importancia|no es importante
            2 poco importante|algo importante|ligeramente importante
            3 neutral|ni importante ni no importante|indiferente
            4 bastante importante|moderadamente importante|más bien importante
            5 importante
            6 muy importante
            7 extremadamente importante|esencial|imprescindible""",
        },
    ),
    "frequency": (
        False,
        {
            "en": """0 never|not at all|none of the time
            1 almost never|very rarely|hardly ever|very seldom
            2 rarely|seldom|not often|a little of the time|infrequently
            3 occasionally|once in a while|now and then|every now and then
            4 sometimes|some of the time|about half the time|half the time|from time to time
            5 often|frequently|regularly|fairly often|a good bit of the time|quite often
            6 usually|mostly|most of the time|very often|very frequently|almost always|nearly always|generally
            7 always|all the time|all of the time|constantly""",
            "fr": """0 jamais
            1 presque jamais|très rarement|quasiment jamais
            2 rarement|peu souvent|pas souvent
            3 occasionnellement|à l'occasion|de temps à autre
            4 parfois|quelquefois|de temps en temps|la moitié du temps
            5 souvent|fréquemment|régulièrement|assez souvent
            6 très souvent|la plupart du temps|presque toujours|généralement|d'habitude|très fréquemment
            7 toujours|tout le temps|systématiquement""",
            "de": """0 nie|niemals
            1 fast nie|sehr selten|kaum|so gut wie nie
            2 selten
            3 gelegentlich|ab und zu|hin und wieder
            4 manchmal|teilweise|mal so mal so
            5 oft|häufig|regelmäßig|öfter|öfters
            6 meistens|sehr oft|sehr häufig|fast immer|in der regel|meist
            7 immer|ständig""",
            "es": """0 nunca|jamás
            1 casi nunca|muy raramente|muy rara vez
            2 raramente|rara vez|pocas veces|con poca frecuencia
            3 ocasionalmente|de vez en cuando
            4 a veces|algunas veces|la mitad de las veces
            5 a menudo|frecuentemente|con frecuencia|regularmente|muchas veces
            6 muy a menudo|casi siempre|la mayoría de las veces|normalmente|generalmente|muy frecuentemente
            7 siempre|todo el tiempo""",
        },
    ),
    "how often": (
        False,
        {
            "en": """0 never
            1 less than once a year|less often|less frequently
            2 once a year|yearly|annually|about once a year|every year
            3 several times a year|a few times a year|less than once a month|every few months|quarterly|a couple of times a year|twice a year
            4 once a month|monthly|about once a month|every month
            5 several times a month|a few times a month|2-3 times a month|two or three times a month|less than once a week|every two weeks|twice a month
            6 once a week|weekly|about once a week|every week
            7 several times a week|a few times a week|2-3 times a week|more than once a week|two or three times a week|most days|4-6 times a week
            8 daily|every day|once a day|about once a day|each day|almost daily|(almost) daily
            9 several times a day|many times a day|more than once a day""",
            "fr": """0 jamais
            1 moins d'une fois par an|moins souvent|plus rarement
            2 une fois par an|annuellement|chaque année|tous les ans
            3 plusieurs fois par an|quelques fois par an|moins d'une fois par mois|chaque trimestre
            4 une fois par mois|mensuellement|chaque mois|tous les mois
            5 plusieurs fois par mois|quelques fois par mois|2 à 3 fois par mois|deux ou trois fois par mois|moins d'une fois par semaine
            6 une fois par semaine|chaque semaine|hebdomadaire|toutes les semaines
            7 plusieurs fois par semaine|quelques fois par semaine|2 à 3 fois par semaine
            8 tous les jours|chaque jour|quotidiennement|une fois par jour|(presque) tous les jours|presque tous les jours
            9 plusieurs fois par jour""",
            "de": """0 nie|niemals
            1 seltener|seltener als einmal im jahr|weniger als einmal im jahr
            2 einmal im jahr|jährlich|einmal pro jahr|etwa einmal im jahr
            3 mehrmals im jahr|mehrmals pro jahr|seltener als einmal im monat|ein paar mal im jahr
            4 einmal im monat|monatlich|einmal pro monat|etwa einmal im monat
            5 mehrmals im monat|mehrmals pro monat|2-3 mal im monat|zwei- bis dreimal im monat|seltener als einmal pro woche|ein paar mal im monat
            6 einmal in der woche|wöchentlich|einmal pro woche|etwa einmal pro woche|einmal die woche
            7 mehrmals in der woche|mehrmals pro woche|mehrmals die woche|2-3 mal pro woche|fast täglich
            8 täglich|jeden tag|einmal am tag|(fast) täglich
            9 mehrmals täglich|mehrmals am tag""",
            "es": """0 nunca|jamás
            1 menos de una vez al año|con menos frecuencia|menos a menudo
            2 una vez al año|anualmente|cada año
            3 varias veces al año|algunas veces al año|menos de una vez al mes
            4 una vez al mes|mensualmente|cada mes
            5 varias veces al mes|algunas veces al mes|2-3 veces al mes|menos de una vez a la semana
            6 una vez a la semana|una vez por semana|semanalmente|cada semana
            7 varias veces a la semana|varias veces por semana|2-3 veces por semana|casi todos los días
            8 todos los días|diariamente|a diario|cada día|una vez al día|(casi) todos los días
            9 varias veces al día""",
        },
    ),
    "quality": (
        False,
        {
            "en": """0 terrible|awful|extremely poor
            1 very poor|very bad|very weak
            2 poor|bad|weak|below average
            3 fair|average|acceptable|ok|okay|neither good nor bad|moderate|satisfactory|neutral|neither good nor poor
            4 good|above average
            5 very good
            6 excellent|outstanding|extremely good""",
            "fr": """0 épouvantable|exécrable
            1 très mauvais|très mauvaise|très mal|très faible
            2 mauvais|mauvaise|mal|médiocre|faible
            3 moyen|moyenne|passable|acceptable|correct|correcte|ni bon ni mauvais|ni bonne ni mauvaise|neutre
            4 bon|bonne|bien|assez bon|assez bien
            5 très bon|très bonne|très bien
            6 excellent|excellente""",
            "de": """1 sehr schlecht|ungenügend
            2 schlecht|mangelhaft
            3 mittelmäßig|mittel|befriedigend|ausreichend|teils, teils|weder gut noch schlecht|durchschnittlich|neutral
            4 gut
            5 sehr gut
            6 ausgezeichnet|hervorragend|exzellent""",
            "es": """0 pésimo|pésima
            1 muy malo|muy mala|muy mal
            2 malo|mala|mal|deficiente
            3 regular|normal|aceptable|ni bueno ni malo|ni bien ni mal|neutral
            4 bueno|buena|bien
            5 muy bueno|muy buena|muy bien
            6 excelente""",
        },
    ),
    "degree": (
        False,
        {
            "en": """0 not at all|not|none
            1 very little|hardly|barely|hardly at all
            2 a little|slightly|a bit|a little bit|not much|not very|not really
            3 somewhat|moderately|to some extent|partly|fairly
            4 quite|quite a bit|mostly|rather|a fair amount|largely|considerably
            5 very|a lot|very much|much|a great deal|strongly|to a great extent
            6 extremely|completely|totally|fully|absolutely|entirely|very strongly""",
            "fr": """0 pas du tout|aucunement
            1 très peu|à peine
            2 un peu|peu|légèrement|pas vraiment
            3 moyennement|modérément|en partie|partiellement
            4 assez|plutôt|en grande partie
            5 beaucoup|très|fortement|énormément
            6 extrêmement|complètement|totalement|tout à fait|absolument|entièrement""",
            "de": """0 überhaupt nicht|gar nicht
            1 kaum|sehr wenig|nur wenig
            2 wenig|ein wenig|etwas|ein bisschen|eher nicht
            3 mittelmäßig|mäßig|teilweise|einigermaßen|teils teils|teils/teils
            4 ziemlich|eher|überwiegend
            5 sehr|stark|viel|sehr stark
            6 äußerst|völlig|vollkommen|voll und ganz|extrem|absolut""",
            "es": """0 nada|en absoluto|para nada
            1 muy poco|apenas
            2 poco|un poco|ligeramente
            3 algo|moderadamente|en parte|parcialmente|regular
            4 bastante|más bien
            5 mucho|muy|fuertemente
            6 muchísimo|extremadamente|completamente|totalmente|absolutamente""",
        },
    ),
    "difficulty": (
        True,
        {
            "en": """-3 very difficult|extremely difficult|very hard
            -2 difficult|hard
            -1 somewhat difficult|slightly difficult|rather difficult|somewhat hard
            0 neither easy nor difficult|neither difficult nor easy|neutral|neither
            1 somewhat easy|slightly easy|rather easy|fairly easy
            2 easy
            3 very easy|extremely easy""",
            "fr": """-3 très difficile|extrêmement difficile
            -2 difficile
            -1 plutôt difficile|assez difficile
            0 ni facile ni difficile|neutre
            1 plutôt facile|assez facile
            2 facile
            3 très facile|extrêmement facile""",
            "de": """-3 sehr schwierig|sehr schwer
            -2 schwierig|schwer
            -1 eher schwierig|eher schwer
            0 weder leicht noch schwer|weder einfach noch schwierig|neutral|teils/teils|weder noch
            1 eher leicht|eher einfach
            2 leicht|einfach
            3 sehr leicht|sehr einfach""",
            "es": """-3 muy difícil
            -2 difícil
            -1 algo difícil|bastante difícil
            0 ni fácil ni difícil|neutral
            1 algo fácil|bastante fácil
            2 fácil
            3 muy fácil""",
        },
    ),
    "level": (
        False,
        {
            "en": """0 none|zero
            1 very low|extremely low|very small
            2 low|small|rather low|below average
            3 medium|moderate|average|middle|normal
            4 high|large|rather high|above average
            5 very high|extremely high|very large""",
            "fr": """0 nul|nulle|aucun|aucune
            1 très faible|très bas|très basse|très petit
            2 faible|bas|basse|petit|petite
            3 moyen|moyenne|modéré|modérée|normal
            4 élevé|élevée|haut|haute|fort|forte|grand|grande|important
            5 très élevé|très élevée|très haut|très fort|très grand""",
            "de": """1 sehr niedrig|sehr gering|sehr klein
            2 niedrig|gering|klein|eher niedrig
            3 mittel|mäßig|durchschnittlich|normal
            4 hoch|groß|eher hoch
            5 sehr hoch|sehr groß""",
            "es": """1 muy bajo|muy baja|muy pequeño
            2 bajo|baja|pequeño|pequeña
            3 medio|media|moderado|moderada|mediano|mediana|normal
            4 alto|alta|grande
            5 muy alto|muy alta|muy grande""",
        },
    ),
    "comparison": (
        True,
        {
            "en": """-3 much worse|a lot worse|far worse|much less|a lot less|much lower
            -2 worse|less|lower|decreased
            -1 somewhat worse|slightly worse|a little worse|somewhat less|a little less
            0 the same|same|about the same|no change|unchanged|neither better nor worse|as good
            1 somewhat better|slightly better|a little better|somewhat more|a little more
            2 better|more|higher|increased
            3 much better|a lot better|far better|much more|a lot more|much higher""",
            "fr": """-3 beaucoup moins bien|bien pire|beaucoup moins
            -2 moins bien|pire|moins
            -1 un peu moins bien|un peu moins
            0 pareil|identique|comme avant|ni mieux ni moins bien|autant
            1 un peu mieux|un peu plus
            2 mieux|plus
            3 beaucoup mieux|bien mieux|beaucoup plus""",
            "de": """-3 viel schlechter|deutlich schlechter|viel weniger
            -2 schlechter|weniger
            -1 etwas schlechter|etwas weniger
            0 gleich|genauso|unverändert|weder besser noch schlechter
            1 etwas besser|etwas mehr
            2 besser|mehr
            3 viel besser|deutlich besser|viel mehr""",
            "es": """-3 mucho peor|mucho menos
            -2 peor|menos
            -1 algo peor|un poco peor|un poco menos
            0 igual|lo mismo|sin cambios
            1 algo mejor|un poco mejor|un poco más
            2 mejor|más
            3 mucho mejor|mucho más""",
        },
    ),
}
"""Family -> (whether it has two poles, language -> lines of ``rank word|word``). The ranks of one family compare across languages."""
