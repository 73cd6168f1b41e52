"""Read the body of a request into a typed value."""

import json
from typing import Any, TypeVar

import pydantic
from flask import request

from market.errors import RejectedError


Model = TypeVar("Model", bound=pydantic.BaseModel)

_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def read_body(model: type[Model]) -> Model:
    """Return the body, JSON or a form, as `model`.

    Raises:
        RejectedError: `UNSUPPORTED_MEDIA_TYPE`, or `VALIDATION_ERROR` if it is not JSON.
        pydantic.ValidationError: a field does not match `model`.

    """
    if request.mimetype in _FORMS:
        return model.model_validate(request.form.to_dict())
    if request.is_json or request.mimetype == "text/plain":
        return model.model_validate(_json())
    raise RejectedError("UNSUPPORTED_MEDIA_TYPE", request.mimetype)


def _json() -> Any:
    try:
        return json.loads(request.get_data())
    except (ValueError, RecursionError) as error:
        raise RejectedError("VALIDATION_ERROR", text="The body is not JSON") from error
