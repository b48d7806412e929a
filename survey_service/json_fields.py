"""Fields of JSON bodies that take what JSON calls by their name and nothing that only looks like it: "1" is no number, 1 is not true."""

from typing import Any

from marshmallow import fields, validate


class Truth(fields.Boolean):
    """true or false."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **more: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Number(fields.Float):
    """A number; neither true nor a text that reads like one."""

    def _validated(self, value: Any) -> Any:
        if isinstance(value, bool | str):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Whole(fields.Integer):
    """A whole number; 3.0 is one, in JSON as in JSON Schema."""

    def _validated(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float) or value % 1:
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


def text_like(
    pattern: str, error: str | None = None, most: int | None = None, *, allow_none: bool = False, **metadata: Any
) -> fields.String:
    """A text that is, as a whole, what `pattern` says; ``$`` alone would let a line feed follow."""
    checks: list[Any] = [validate.Regexp(rf"(?:{pattern})\Z", error=error)]
    if most is not None:
        checks.append(validate.Length(max=most))
    return fields.String(validate=checks, allow_none=allow_none, metadata={"pattern": f"^(?:{pattern})$", **metadata})
