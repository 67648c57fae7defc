"""What every settings model is made of.

Knows pydantic, and how a value is refused with a code and a hint. Must never know a middleware.
Models are built once per process; no request ever touches them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from dualware.core.annotations import names_object
from dualware.core.checks import Unfit, imported, writable
from dualware.core.problems import CODES

if TYPE_CHECKING:
    from typing_extensions import LiteralString

__all__ = ["Fault", "HeaderName", "Settings", "all_at_once", "checked", "fault", "faults", "fit"]

Fault = tuple[tuple[str | int, ...], PydanticCustomError]
"""What is wrong, and where: ``("allow_origins", 0)``."""


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

    inner: ClassVar[type[Settings] | None] = None
    """The model of settings that stand inside one of these settings."""

    @field_validator("*", mode="before")
    @classmethod
    def _imported(cls, value: Any, info: ValidationInfo) -> Any:
        """What ``"package.module:NAME"`` names, where a callable or a pattern may stand.

        Files and environment variables have no other way to name one.
        """
        annotation = cls.model_fields[str(info.field_name)].annotation
        if isinstance(value, str) and names_object(value, annotation):
            return fit(imported, value)
        return value


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


def faults(found: Iterable[Fault], *, besides: Iterable[Any] = ()) -> ValidationError:
    """The error for a validator to raise that found any number of faults.

    ``besides`` are errors that pydantic told before.
    """
    lines = [InitErrorDetails(type=each, loc=where, input=None) for where, each in found]
    return ValidationError.from_exception_data("settings", [*map(_again, besides), *lines])


def _again(error: Any) -> InitErrorDetails:
    """An error that pydantic told, to be raised once more."""
    told = PydanticCustomError(error["type"], error["msg"], error.get("ctx") or {})
    return InitErrorDetails(type=told, loc=error["loc"], input=error["input"])


def all_at_once(
    model: type[Settings],
    given: Any,
    handler: Callable[[Any], Any],
    look: Callable[[Mapping[str, Any], frozenset[Any]], Iterable[Fault]],
) -> Any:
    """What ``handler`` makes of ``given``, for a validator of mode ``"wrap"``.

    ``look`` tells which settings do not go together. It is given those that are fine by
    themselves, and the names of the others, so that all faults are told at once.
    """
    errors: list[Any] = []
    made = None
    try:
        made = handler(given)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    if made is None and not isinstance(given, Mapping):
        raise faults([((), fault("DW105", f"expected a mapping of settings, got {given!r:.80}"))])
    wrong = frozenset(error["loc"][0] for error in errors if error["loc"])
    values = {
        name: field.default if made is None else getattr(made, name)
        for name, field in model.model_fields.items()
    }
    if made is None:
        fine = {name: each for name, each in cast("Any", given).items() if name in values}
        values |= {name: each for name, each in fine.items() if name not in wrong}
    # Of a setting that is wrong by itself nothing more is said.
    found = [each for each in look(values, wrong) if each[0][0] not in wrong]
    if errors or found:
        raise faults(found, besides=errors)
    return made


HeaderName = Annotated[str, checked(writable)]
"""The name of a response header that both protocols can write."""
