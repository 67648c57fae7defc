"""What every settings model is made of.

Knows pydantic, and how a value is refused with a code and a hint. Must never know a middleware.
Models are built once per process; no request ever touches them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

from dualware.core.fields import is_token
from dualware.core.problems import CODES

if TYPE_CHECKING:
    from typing_extensions import LiteralString

__all__ = ["HeaderName", "Settings", "fault"]


class Settings(BaseModel):
    """Base of the settings models: strict, frozen, unknown keys refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        # A docstring under each field is its documentation, here and in the generated pages.
        use_attribute_docstrings=True,
        validate_default=False,
        arbitrary_types_allowed=True,
    )


def fault(code: LiteralString, sentence: str, hint: str = "") -> PydanticCustomError:
    """The error for a validator to raise: a code of the table, a sentence, and what to write."""
    if code not in CODES:
        raise KeyError(code)
    context: dict[str, Any] = {"sentence": sentence, "hint": hint}
    return PydanticCustomError(code, "{sentence}", context)


def _header_name(name: str) -> str:
    if not is_token(name) or name[-1] in "-_":
        raise fault(
            "DW201",
            f"{name!r} is not a header name",
            "write an RFC 9110 token such as 'X-Request-ID'",
        )
    return name


HeaderName = Annotated[str, AfterValidator(_header_name)]
"""A field name: an RFC 9110 §5.6.2 token that servers accept."""
