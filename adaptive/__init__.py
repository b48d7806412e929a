"""Numbers: response tables, the belief about the personas, and the next question. Knows nothing of files, HTTP or databases."""

from adaptive.information import entropy, expected_information_gain
from adaptive.likelihood import Choice, Measure, Quiet, Ticks
from adaptive.posterior import Evidence, believe, weights_of_evidence
from adaptive.selection import Step, SurveyRules, limit_of, next_questions, suppose
from adaptive.stopping import REASONS, Progress, StopRule
from adaptive.tables import ResponseTables

__all__ = [
    "REASONS",
    "Choice",
    "Evidence",
    "Measure",
    "Progress",
    "Quiet",
    "ResponseTables",
    "Step",
    "StopRule",
    "SurveyRules",
    "Ticks",
    "believe",
    "entropy",
    "expected_information_gain",
    "limit_of",
    "next_questions",
    "suppose",
    "weights_of_evidence",
]
