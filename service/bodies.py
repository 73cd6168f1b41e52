"""Read the body, the query and the path of a request into typed values."""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

import pydantic
from flask import request
from pydantic_core import PydanticCustomError

from market.errors import RejectedError


Model = TypeVar("Model", bound=pydantic.BaseModel)


def _refuse_bool(value: object) -> object:
    # Python counts true as 1 and false as 0; no caller means that amount.
    if isinstance(value, bool):
        raise PydanticCustomError("bool", "true and false are no amounts")
    return value


#: Makes a field of an amount refuse true and false. In front of the field's bounds it would hide
#: them from the document of the routes, so it comes last.
NO_BOOL = pydantic.BeforeValidator(_refuse_bool)
#: The id or the type of an event of Stripe.
EventName = Annotated[str, pydantic.Field(min_length=1, max_length=255, pattern=r"^[\w.-]+$")]

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
#: Postgres stores neither NUL nor an unpaired surrogate.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def needs_one_of(*choices: Mapping[str, Sequence[object]]) -> pydantic.ConfigDict:
    """Return the configuration of a model that states this rule in its schema.

    A body fits one of `choices`. Each names fields with the values that they may have; no values
    stand for any text.
    """
    return pydantic.ConfigDict(json_schema_extra={"anyOf": [_choice(choice) for choice in choices]})


def _choice(fields: Mapping[str, Sequence[object]]) -> Any:
    return {
        "required": [name for name, values in fields.items() if not values],
        "properties": {
            name: {"enum": [*values]} if values else {"type": "string"}
            for name, values in fields.items()
        },
    }


def read_body(model: type[Model]) -> Model:
    """Return the body, JSON or a form, as `model`. A request without a body has no fields.

    Raises:
        RejectedError: `UNSUPPORTED_MEDIA_TYPE`, or `VALIDATION_ERROR` if it is not JSON, does not
            match `model`, or has a text that Postgres cannot store.

    """
    if not request.mimetype and not request.get_data():
        return _validated(model, {})
    if request.mimetype in _FORMS:
        return _validated(model, _storable(request.form.to_dict()))
    if request.is_json or request.mimetype == "text/plain":
        return _validated(model, _storable(_json()))
    raise RejectedError("UNSUPPORTED_MEDIA_TYPE", request.mimetype)


def read_query(model: type[Model]) -> Model:
    """Return the query string as `model`.

    Raises:
        RejectedError: `VALIDATION_ERROR` if it does not match `model`, or has a text that Postgres
            cannot store.

    """
    return _validated(model, _storable(request.args.to_dict()))


def read_order_id(text: str) -> str:
    """Return the order id in a path.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, because no order has an id that is no UUID.

    """
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise RejectedError("RESOURCE_NOT_FOUND", "order_id", text="Order not found") from error


def _validated(model: type[Model], value: Any) -> Model:
    try:
        return model.model_validate(value)
    except pydantic.ValidationError as error:
        # The answer names fields only: their values may be long or personal.
        places = [".".join(map(str, _place(issue))) for issue in error.errors()]
        text = f"Invalid request: {', '.join(sorted(set(places))[:10]) or 'body'}"
        raise RejectedError("VALIDATION_ERROR", text=text) from error


def _place(issue: Mapping[str, Any]) -> Sequence[str | int]:
    """Return the place of a fault in a request. The name of an unknown field is no name of ours."""
    place: Sequence[str | int] = issue["loc"]
    return place[:-1] if issue["type"] == "extra_forbidden" else place


def _json() -> Any:
    try:
        return json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise RejectedError("VALIDATION_ERROR", text="The body is not JSON") from error


def _storable(value: Any) -> Any:
    values = [value]
    while values:
        match values.pop():
            case str(text) if _UNSTORABLE.search(text):
                raise RejectedError("VALIDATION_ERROR", text="A text has a forbidden character")
            case dict(fields):
                values += [*fields, *fields.values()]
            case list(items):
                values += items
    return value
