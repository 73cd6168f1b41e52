"""The parameters of a request, read by type and refused as Stripe refuses them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from devstack.stripe.errors import invalid


_TEXT_MAX = 5000
_EMAIL_MAX = 512
#: Stripe does not publish its rule; this one accepts ASCII addresses in a public domain.
_EMAIL = re.compile(
    r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])",
    re.ASCII | re.IGNORECASE,
)
ADDRESS_FIELDS = ("city", "country", "line1", "line2", "postal_code", "state")
_METADATA_MAX = 50
_METADATA_KEY_MAX = 40
_METADATA_VALUE_MAX = 500


def is_web_address(text: str) -> bool:
    """Return true for an http or https URL with a host, to which a browser may be sent."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


class Params:
    """The parameters of one request.

    An operation reads every parameter that it supports. Then it calls `finish`, which refuses the
    rest, so a misspelt parameter fails as it does at Stripe.
    """

    def __init__(self, values: Mapping[str, Any], *, prefix: str = "") -> None:
        self._values = values
        self._prefix = prefix
        self._read: set[str] = set()
        self._children: list[Params] = []

    def has(self, name: str) -> bool:
        """Return true if the request has the parameter, even with an empty value."""
        self._read.add(name)
        return name in self._values

    def is_empty(self, name: str) -> bool:
        """Return true if the parameter is the empty text, which unsets a field."""
        return self.has(name) and self._values[name] == ""

    def text(self, name: str) -> str | None:
        """Return a text, or None if it is missing; refuse an empty one."""
        if not self.has(name):
            return None
        value = self._values[name]
        if not isinstance(value, str):
            raise invalid(f"Invalid string: {self._full(name)}", param=self._full(name))
        if value == "":
            raise self._empty(name)
        if len(value) > _TEXT_MAX:
            raise invalid(
                f"Invalid string: {value[:10]}...{value[-10:]}; must be at most {_TEXT_MAX} "
                "characters",
                param=self._full(name),
            )
        return value

    def email(self, name: str) -> str | None:
        """Return an e-mail address; an empty text unsets the field."""
        value = self.clearable_text(name)
        if value is not None and (len(value) > _EMAIL_MAX or not _EMAIL.fullmatch(value)):
            raise invalid(
                f"Invalid email address: {value[:100]}",
                param=self._full(name),
                code="email_invalid",
            )
        return value

    def web_address(self, name: str) -> str | None:
        """Return an http or https URL."""
        value = self.text(name)
        if value is not None and not is_web_address(value):
            raise invalid("Not a valid URL", param=self._full(name), code="url_invalid")
        return value

    def required_web_address(self, name: str) -> str:
        """Return an http or https URL; refuse a request without it."""
        value = self.web_address(name)
        if value is None:
            raise self._absent(name)
        return value

    def clearable_text(self, name: str) -> str | None:
        """Return a text, or None for an empty one, which unsets the field; check `has` first."""
        return None if self.is_empty(name) else self.text(name)

    def required_text(self, name: str) -> str:
        """Return a text; refuse a request without it."""
        value = self.text(name)
        if value is None:
            raise self._absent(name)
        return value

    def integer(self, name: str) -> int | None:
        """Return a whole number."""
        value = self.text(name)
        if value is None:
            return None
        if not (value.removeprefix("-").isdecimal() and value.isascii()) or len(value) > 18:  # noqa: PLR2004 - 18 digits always fit 64 bits
            raise invalid(
                f"Invalid integer: {value[:50]}",
                param=self._full(name),
                code="parameter_invalid_integer",
            )
        return int(value)

    def boolean(self, name: str, *, default: bool = False) -> bool:
        """Return `true` or `false`."""
        value = self.text(name)
        if value not in (None, "true", "false"):
            raise invalid(f"Invalid boolean: {value[:50]}", param=self._full(name))
        return default if value is None else value == "true"

    def choice(self, name: str, allowed: Sequence[str]) -> str | None:
        """Return one of the `allowed` words."""
        value = self.text(name)
        if value is not None and value not in allowed:
            raise self._not_allowed(name, allowed)
        return value

    def choices(self, name: str, allowed: Sequence[str]) -> list[str] | None:
        """Return a list of `allowed` words."""
        values = self.texts(name)
        if any(value not in allowed for value in values or ()):
            raise self._not_allowed(name, allowed)
        return values

    def positive(self, name: str, most: int | None = None) -> int | None:
        """Return a whole number of at least one."""
        value = self.integer(name)
        if value is not None and value < 1:
            raise self._out_of_bounds(name, "greater than or equal to 1")
        if value is not None and most is not None and value > most:
            raise self._out_of_bounds(
                name, f"less than or equal to {most} (it currently is '{value}')"
            )
        return value

    def required_positive(self, name: str) -> int:
        """Return a whole number of at least one; refuse a request without it."""
        value = self.positive(name)
        if value is None:
            raise self._absent(name)
        return value

    def texts(self, name: str) -> list[str] | None:
        """Return a list of texts."""
        if not self.has(name):
            return None
        items = self._values[name]
        if not isinstance(items, dict) or not all(isinstance(item, str) for item in items.values()):
            raise invalid("Invalid array", param=self._full(name))
        return list(items.values())

    def nested(self, name: str) -> "Params | None":
        """Return the parameters inside `name[…]`, which `finish` checks too."""
        if not self.has(name):
            return None
        values = self._values[name]
        if not isinstance(values, dict):
            raise invalid("Invalid object", param=self._full(name))
        child = Params(values, prefix=self._full(name))
        self._children.append(child)
        return child

    def address(self, name: str) -> dict[str, str | None] | None:
        """Return a postal address with all of its fields."""
        address = self.nested(name)
        if address is None:
            return None
        return {field: address.clearable_text(field) for field in ADDRESS_FIELDS}

    def number_or_nested(self, name: str) -> "int | Params | None":
        """Return a time or a range of times, such as `created`."""
        return self.nested(name) if isinstance(self._values.get(name), dict) else self.integer(name)

    def metadata(self) -> dict[str, str] | None:
        """Return the changes of metadata: an empty value removes its key, no keys remove all."""
        if not self.has("metadata"):
            return None
        values = self._values["metadata"]
        if values == "":
            return {}
        if not isinstance(values, dict):
            raise invalid("Invalid object", param=self._full("metadata"))
        for key, value in values.items():
            self._check_metadata(key, value)
        return values

    def finish(self) -> None:
        """Refuse every parameter that the operation has not read."""
        for name in self._values:
            if name not in self._read:
                supported = ", ".join(sorted(self._read))
                raise invalid(
                    f"Received unknown parameter: {self._full(name)} "
                    f"(the fake Stripe supports: {supported})",
                    param=self._full(name),
                    code="parameter_unknown",
                )
        for child in self._children:
            child.finish()

    def _check_metadata(self, key: str, value: Any) -> None:
        if len(key) > _METADATA_KEY_MAX:
            raise invalid(
                f"Metadata keys can have up to {_METADATA_KEY_MAX} characters, but you passed in a "
                f"key that is {len(key)} characters. Invalid key: {key[:50]}",
                param=f"metadata[{key}]",
            )
        if not isinstance(value, str):
            raise invalid(
                f"Metadata values must be strings, but the value of '{key}' is an object.",
                param=f"metadata[{key}]",
            )
        if len(value) > _METADATA_VALUE_MAX:
            raise invalid(
                f"Metadata values can have up to {_METADATA_VALUE_MAX} characters, but you passed "
                f"in a value that is {len(value)} characters. Invalid value: {value[:50]}...",
                param=f"metadata[{key}]",
            )

    def _out_of_bounds(self, name: str, bound: str) -> Exception:
        return invalid(
            f"This value must be {bound}.",
            param=self._full(name),
            code="parameter_invalid_integer",
        )

    def _not_allowed(self, name: str, allowed: Sequence[str]) -> Exception:
        *others, last = allowed
        words = f"{', '.join(others)}{',' * (len(others) > 1)} or {last}" if others else last
        return invalid(
            f"Invalid {self._full(name)}: must be one of {words}", param=self._full(name)
        )

    def _full(self, name: str) -> str:
        return f"{self._prefix}[{name}]" if self._prefix else name

    def _absent(self, name: str) -> Exception:
        return invalid(
            f"Missing required param: {self._full(name)}.",
            param=self._full(name),
            code="parameter_missing",
        )

    def _empty(self, name: str) -> Exception:
        full = self._full(name)
        return invalid(
            f"You passed an empty string for '{full}'. We assume empty values are an attempt to "
            f"unset a field; however '{full}' cannot be unset. You should remove '{full}' from "
            "your request or supply a non-empty value.",
            param=full,
            code="parameter_invalid_empty",
        )


def merge_metadata(current: Mapping[str, str], changes: Mapping[str, str] | None) -> dict[str, str]:
    """Return metadata after `changes`, as https://docs.stripe.com/api/metadata describes them.

    Raises:
        StripeError: the object would have too many keys.

    """
    if changes is None:
        return dict(current)
    if not changes:
        return {}
    merged = {key: value for key, value in {**current, **changes}.items() if value != ""}
    if len(merged) > _METADATA_MAX:
        raise invalid(
            f"Metadata can have up to {_METADATA_MAX} keys, but you've set {len(merged)}.",
            param="metadata",
        )
    return merged
