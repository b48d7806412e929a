"""The API reference as a page."""

import re


def test_every_call_of_the_document_is_on_the_page_with_its_fields(one_service):
    """The page loads nothing from another host."""
    document = one_service.client.get("/api/v1/openapi.json").json
    response = one_service.client.get("/api/v1/docs")

    assert response.status_code == 200
    for path, operations in document["paths"].items():
        for method in {"get", "post", "put", "patch", "delete"} & operations.keys():
            assert f'id="{method}{re.sub("[{}]", "", path).replace("/", "-")}"' in response.text, (method, path)
    assert "Made by the client; the same id again changes nothing" in response.text
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", response.text)
    assert "<script" not in response.text
