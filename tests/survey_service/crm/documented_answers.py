"""What CRMs answer in twelve situations by their public documentation, and what is done then: one cell for each situation and CRM.

`docs/crm_answers.md` shows the same table, with the sources.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.survey_service.crm.fake_crm import Answer

DELIVERED = "delivered"
WAITS = "the connection waits"
HELD = "the contact waits"
AGAIN = "tried again"
SET_ASIDE = "set aside"
ABSENT = "-"

SITUATIONS = (
    "field gone",
    "type changed",
    "option not allowed",
    "required field missing",
    "record merged",
    "record deleted",
    "duplicate rule",
    "record locked",
    "daily limit",
    "permission gone",
    "blacklisted",
    "second address",
)
CRMS = ("HubSpot", "Salesforce", "Brevo", "Klaviyo", "http")


@dataclass(frozen=True)
class Cell:
    """What a CRM answers, in words and as it comes, and what is done. `problem` is how the connection or the record says it."""

    words: str
    done: str
    answer: Answer = field(default_factory=Answer)
    problem: str = ""
    connection: dict[str, Any] = field(default_factory=dict)  # other than usual

    @property
    def text(self) -> str:
        return self.words if self.done == ABSENT else f"{self.words}: {self.done}"


def no_such(why: str) -> Cell:
    return Cell(why, ABSENT)


def hubspot_refusal(*wrong: dict[str, Any], status: int = 400) -> Answer:
    """The whole batch is refused, with the property in the message."""
    message = "Property values were not valid: " + json.dumps([{"isValid": False, **item} for item in wrong])
    return Answer(status, {"status": "error", "message": message, "correlationId": "a43683b0", "category": "VALIDATION_ERROR"})


def hubspot_errors(category: str, message: str = "") -> Answer:
    error = {
        "status": "error",
        "category": category,
        "message": message,
        "context": {"ids": ["crm-0@example.com"]},
        "errors": [],
        "links": {},
    }
    return Answer(207, {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [error]})


def hubspot_result(**changed: Any) -> Answer:
    """A record that was written, without a trace id: HubSpot documents it for created records only."""
    result = {"id": "512", "properties": {"email": "crm-0@example.com"}, "archived": False, "createdAt": "x", "updatedAt": "x", **changed}
    return Answer(200, {"status": "COMPLETE", "results": [result]})


def salesforce_errors(code: str, message: str = "", *fields: str) -> Answer:
    """One part of a composite batch; a collection is in the tests of Salesforce."""
    errors = [{"errorCode": code, "message": message, "fields": list(fields)}]
    return Answer(200, {"hasErrors": True, "results": [{"statusCode": 400, "result": errors}]})


def upserted(code: str, message: str = "", *fields: str) -> Answer:
    return Answer(200, [{"success": False, "errors": [{"statusCode": code, "message": message, "fields": list(fields)}]}])


def brevo(status: int, code: str, message: str = "") -> Answer:
    return Answer(status, {"code": code, "message": message})


def klaviyo(status: int, code: str) -> Answer:
    return Answer(
        status, {"errors": [{"id": "1", "status": status, "code": code, "title": "", "detail": "", "source": {"pointer": "/data"}}]}
    )


CREATES = {"create_contacts": True}
PROFILE = Answer(200, {"data": {"type": "profile", "id": "01H"}})
NEW_PROFILE = Answer(201, {"data": {"type": "profile", "id": "01J"}})
NOTHING = Answer(204)
MISSING_COLUMN = "No such column 'Persona_Top__c' on sobject of type Contact"
ONE_ADDRESS = "a contact has one address"

CELLS: dict[str, dict[str, Cell]] = {
    "field gone": {
        "HubSpot": Cell(
            "400 `PROPERTY_DOESNT_EXIST`",
            WAITS,
            hubspot_refusal({"error": "PROPERTY_DOESNT_EXIST", "name": "persona_top", "message": 'Property "persona_top" does not exist'}),
            "property persona_top: is missing",
        ),
        "Salesforce": Cell(
            "`INVALID_FIELD`",
            WAITS,
            salesforce_errors("INVALID_FIELD", MISSING_COLUMN),
            "field Persona_Top__c: is gone",
        ),
        "Brevo": Cell("204, the value is ignored; the test names it", DELIVERED, NOTHING),
        "Klaviyo": Cell("200, the property is made again", DELIVERED, PROFILE),
        "http": Cell("400 or 422", SET_ASIDE, Answer(422), "refused_422"),
    },
    "type changed": {
        "HubSpot": Cell(
            "400 `VALIDATION_ERROR` naming it",
            WAITS,
            hubspot_refusal({"error": "INVALID_INTEGER", "name": "persona_top", "message": "driver was not a valid integer"}),
            "property persona_top: HubSpot refuses its value",
        ),
        "Salesforce": Cell(
            "400 `JSON_PARSER_ERROR`",
            WAITS,
            Answer(400, [{"errorCode": "JSON_PARSER_ERROR", "message": "Cannot deserialize instance of double from VALUE_STRING value"}]),
            "has another type",
        ),
        "Brevo": Cell("204, the value is ignored; the test names it", DELIVERED, NOTHING),
        "Klaviyo": no_such("properties have no types"),
        "http": Cell("400 or 422", SET_ASIDE, Answer(400), "refused_400"),
    },
    "option not allowed": {
        "HubSpot": Cell(
            "400 `INVALID_OPTION`",
            HELD,
            hubspot_refusal({"error": "INVALID_OPTION", "name": "persona_top", "message": "driver was not one of the allowed options: []"}),
            "option_not_allowed: persona_top",
        ),
        "Salesforce": Cell(
            "`INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST`",
            HELD,
            salesforce_errors(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value for restricted picklist field: driver", "Persona_Top__c"
            ),
            "option_not_allowed: Persona_Top__c",
        ),
        "Brevo": Cell(
            "400 `invalid_parameter` naming it",
            WAITS,
            brevo(400, "invalid_parameter", "Invalid value for PERSONA_TOP"),
            "attribute PERSONA_TOP",
        ),
        "Klaviyo": no_such("properties have no options"),
        "http": Cell("400 or 422", SET_ASIDE, Answer(422), "refused_422"),
    },
    "required field missing": {
        "HubSpot": Cell(
            "400 `VALIDATION_ERROR`", SET_ASIDE, hubspot_refusal({"error": "REQUIRED", "name": "lastname"}), "validation_error"
        ),
        "Salesforce": Cell(
            "`REQUIRED_FIELD_MISSING` that the mapping does not give; the test names it",
            WAITS,
            upserted("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", "LastName"),
            "field LastName: is required",
            CREATES,
        ),
        "Brevo": Cell("400 `missing_parameter`", SET_ASIDE, brevo(400, "missing_parameter"), "missing_parameter", CREATES),
        "Klaviyo": Cell("400 `invalid`", SET_ASIDE, klaviyo(400, "invalid"), "invalid"),
        "http": Cell("400 or 422", SET_ASIDE, Answer(400), "refused_400"),
    },
    "record merged": {
        "HubSpot": Cell(
            "200, under the id of the new record", DELIVERED, hubspot_result(id="9999"), connection={"identity": ["record_id"]}
        ),
        "Salesforce": Cell(
            "`ENTITY_IS_DELETED`", SET_ASIDE, salesforce_errors("ENTITY_IS_DELETED", "entity is deleted"), "entity_is_deleted"
        ),
        "Brevo": Cell("404 `document_not_found`", SET_ASIDE, brevo(404, "document_not_found"), "not_found"),
        "Klaviyo": Cell("404 `not_found`", SET_ASIDE, klaviyo(404, "not_found"), "not_found", {"identity": ["record_id"]}),
        "http": Cell("404 or 410", SET_ASIDE, Answer(410), "refused_410"),
    },
    "record deleted": {
        "HubSpot": Cell("207 `OBJECT_NOT_FOUND`", SET_ASIDE, hubspot_errors("OBJECT_NOT_FOUND"), "not_found"),
        "Salesforce": Cell(
            "`NOT_FOUND`",
            SET_ASIDE,
            salesforce_errors("NOT_FOUND", "The requested resource does not exist"),
            "not_found",
        ),
        "Brevo": Cell("404 `document_not_found`", SET_ASIDE, brevo(404, "document_not_found"), "not_found"),
        "Klaviyo": Cell("404 `not_found`", SET_ASIDE, klaviyo(404, "not_found"), "not_found", {"identity": ["record_id"]}),
        "http": Cell("404 or 410", SET_ASIDE, Answer(404), "not_found"),
    },
    "duplicate rule": {
        "HubSpot": Cell("409 `CONFLICT`", SET_ASIDE, Answer(409, {"status": "error", "category": "CONFLICT"}), "conflict"),
        "Salesforce": Cell("`DUPLICATES_DETECTED`", SET_ASIDE, upserted("DUPLICATES_DETECTED"), "duplicates_detected", CREATES),
        "Brevo": Cell("400 `duplicate_parameter`", SET_ASIDE, brevo(400, "duplicate_parameter"), "duplicate_parameter", CREATES),
        "Klaviyo": Cell("409 `duplicate_profile`", SET_ASIDE, klaviyo(409, "duplicate_profile"), "duplicate_profile"),
        "http": Cell("409", SET_ASIDE, Answer(409), "refused_409"),
    },
    "record locked": {
        "HubSpot": no_such("no such answer is documented"),
        "Salesforce": Cell(
            "`UNABLE_TO_LOCK_ROW`",
            AGAIN,
            salesforce_errors("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record"),
            "unable_to_lock_row",
        ),
        "Brevo": no_such("no such answer is documented"),
        "Klaviyo": no_such("no such answer is documented"),
        "http": Cell("423", AGAIN, Answer(423), "status_423"),
    },
    "daily limit": {
        "HubSpot": Cell("429 `DAILY`", WAITS, Answer(429, {"status": "error", "policyName": "DAILY"}), "rate_limited"),
        "Salesforce": Cell("403 `REQUEST_LIMIT_EXCEEDED`", WAITS, Answer(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED"}]), "rate_limited"),
        "Brevo": Cell(
            "429 with `x-sib-ratelimit-reset`",
            WAITS,
            Answer(429, {"code": "too_many_requests"}, {"x-sib-ratelimit-reset": "3000"}),
            "rate_limited",
        ),
        "Klaviyo": Cell("429 with `Retry-After`", WAITS, Answer(429, {"errors": []}, {"Retry-After": "30"}), "rate_limited"),
        "http": Cell("429", WAITS, Answer(429), "rate_limited"),
    },
    "permission gone": {
        "HubSpot": Cell("403 `MISSING_SCOPES`", WAITS, Answer(403, {"status": "error", "category": "MISSING_SCOPES"}), "unauthorised"),
        "Salesforce": Cell(
            "403; of one contact `INSUFFICIENT_ACCESS_OR_READONLY`, which waits alone", WAITS, Answer(403, []), "unauthorised"
        ),
        "Brevo": Cell("403 `permission_denied`", WAITS, brevo(403, "permission_denied"), "unauthorised"),
        "Klaviyo": Cell("403 `permission_denied`", WAITS, klaviyo(403, "permission_denied"), "unauthorised"),
        "http": Cell("403", WAITS, Answer(403), "unauthorised"),
    },
    "blacklisted": {
        "HubSpot": Cell("200, unsubscribing stops mails only", DELIVERED, hubspot_result()),
        "Salesforce": Cell(
            "204, an opt-out stops mails only",
            DELIVERED,
            Answer(200, {"hasErrors": False, "results": [{"statusCode": 204, "result": None}]}),
        ),
        "Brevo": Cell("204; `EMAIL` is never written, which would subscribe again", DELIVERED, NOTHING),
        "Klaviyo": Cell("200, suppressed profiles have properties too", DELIVERED, PROFILE),
        "http": Cell("2xx", DELIVERED, Answer(202)),
    },
    "second address": {
        "HubSpot": Cell(
            "200, under the first address", DELIVERED, hubspot_result(properties={"email": "first@example.com", "persona_top": "driver"})
        ),
        "Salesforce": no_such("contacts are not found by address"),
        "Brevo": Cell(f"404 `document_not_found`, {ONE_ADDRESS}", SET_ASIDE, brevo(404, "document_not_found"), "not_found"),
        "Klaviyo": Cell(f"201, another profile, {ONE_ADDRESS}", DELIVERED, NEW_PROFILE),
        "http": Cell("404", SET_ASIDE, Answer(404), "not_found"),
    },
}


def table() -> str:
    """Return the table as the documentation shows it."""
    lines = ["| | " + " | ".join(CRMS) + " |", "|---" * (len(CRMS) + 1) + "|"]
    lines += ["| " + " | ".join([situation, *(CELLS[situation][crm].text for crm in CRMS)]) + " |" for situation in SITUATIONS]
    return "\n".join(lines)
