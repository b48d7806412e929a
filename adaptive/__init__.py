"""Response tables, the belief about the personas, and the choice of the next question. No files, HTTP or databases."""

from adaptive.information import entropy, expected_information_gain
from adaptive.likelihood import Choice, MultipleChoice, Numeric, Unmodelled
from adaptive.posterior import Evidence, believe, weights_of_evidence
from adaptive.selection import Step, SurveyRules, look_ahead_states, next_questions, update_limit
from adaptive.stopping import REASONS, Progress, StopRule
from adaptive.tables import ResponseTables

__all__ = [
    "REASONS",
    "Choice",
    "Evidence",
    "MultipleChoice",
    "Numeric",
    "Progress",
    "ResponseTables",
    "Step",
    "StopRule",
    "SurveyRules",
    "Unmodelled",
    "believe",
    "entropy",
    "expected_information_gain",
    "look_ahead_states",
    "next_questions",
    "update_limit",
    "weights_of_evidence",
]
