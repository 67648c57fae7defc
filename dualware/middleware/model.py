"""What every settings model is made of.

Knows pydantic, and how a value is refused with a code and a hint. Must never know a middleware.
Models are built once per process; no request ever touches them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

from dualware.core.checks import Unfit, writable
from dualware.core.problems import CODES

if TYPE_CHECKING:
    from typing_extensions import LiteralString

__all__ = ["HeaderName", "Settings", "checked", "fault", "fit"]


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


def fit(check: Callable[..., Any], *given: Any) -> Any:
    """What ``check``, one of `dualware.core.checks`, makes of ``given``. Raises its `fault`."""
    try:
        return check(*given)
    except Unfit as unfit:
        raise fault(unfit.code, unfit.sentence, unfit.hint) from unfit


def checked(check: Callable[..., Any], *besides: Any) -> AfterValidator:
    """What annotates a type whose values go through ``check``, with what it needs besides."""
    return AfterValidator(lambda value: fit(check, value, *besides))


HeaderName = Annotated[str, checked(writable)]
"""The name of a response header that both protocols can write."""
