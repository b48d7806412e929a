"""The rules across fields of a bank. Every rule looks at whatever could be read, so all problems come at once."""

from question_bank.files.checks.likelihoods import likelihood_rules, persona_rules
from question_bank.files.checks.questions import question_rules, text_rules
from question_bank.files.checks.surveys import survey_rules
from question_bank.files.draft import Draft
from question_bank.files.problems import Finding

RULES = (text_rules, persona_rules, question_rules, likelihood_rules, survey_rules)


def check(draft: Draft) -> list[Finding]:
    """Everything wrong with a draft that one field alone cannot show."""
    return [finding for rules in RULES for finding in rules(draft)]
