"""Metrics for OpenTelemetry, through its API.

    dualware.wrap(app, {"timing": {"metrics": ["otel"]}})

Names, units, attributes and buckets are those of OpenTelemetry's HTTP conventions. Where the
figures go is the business of the application's own `MeterProvider`, which may be set before or
after: until then the API does nothing.

Knows the API of OpenTelemetry. Must never need its SDK, nor make an instrument per request.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from dualware.metrics import Instrument, Instruments, Record, missing

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter

__all__ = ["OpenTelemetrySink"]


class OpenTelemetrySink(Instruments):
    """Records every exchange with instruments of OpenTelemetry.

    ``meter``
        What makes the instruments; None for the meter ``dualware`` of the global provider.
    ``body_size``
        True measures response bodies too.

    Raises ImportError without `opentelemetry`.
    """

    def __init__(self, meter: Meter | None = None, *, body_size: bool = False) -> None:
        try:
            from opentelemetry.metrics import get_meter
        except ImportError as error:
            raise missing("opentelemetry", "otel") from error
        used = get_meter("dualware") if meter is None else meter
        super().__init__(partial(_counter, used), partial(_histogram, used), body_size=body_size)
        self._again = partial(type(self), body_size=body_size), (meter,)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._again


def _counter(meter: Meter, instrument: Instrument) -> Record:
    return meter.create_up_down_counter(
        instrument.name, instrument.unit, instrument.description
    ).add


def _histogram(meter: Meter, instrument: Instrument) -> Record:
    return meter.create_histogram(
        instrument.name,
        instrument.unit,
        instrument.description,
        explicit_bucket_boundaries_advisory=instrument.buckets,
    ).record
