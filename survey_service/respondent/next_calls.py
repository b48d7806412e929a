"""What may follow a call, as OpenAPI links: where the next call finds the session, its token and its question."""

from typing import Any

BEGINNING, LATER = "$response.body#/token", "$request.body#/token"
"""Where the token stands: the call that starts a session answers it, the others send it."""
OF_THE_SESSION = {"session_id": "$response.body#/session"}


def after(token: str) -> dict[str, Any]:
    """The calls that go on with the session of a view."""
    return {
        "look": {"operationId": "respondent.look", "parameters": OF_THE_SESSION},
        "skip": _link("answer", {"token": token, "answer_id": "first", "question": "$response.body#/question/id", "kind": "skip"}),
        "back": _link("back", {"token": token, "answer_id": "second"}),
        "finish": _link("finish", {"token": token, "reason": "enough"}),
    }


def _link(call: str, body: dict[str, str]) -> dict[str, Any]:
    return {"operationId": f"respondent.{call}", "parameters": OF_THE_SESSION, "requestBody": body}
