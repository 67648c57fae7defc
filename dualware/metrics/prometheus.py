"""Metrics for Prometheus, through `prometheus_client`.

    dualware.wrap(app, {"timing": {"metrics": ["prometheus"]}})

The names are those of OpenTelemetry in Prometheus's spelling, so that one dashboard fits both:
``http_server_request_duration_seconds``, ``http_server_active_requests``. Whoever shows them to
Prometheus, such as `prometheus_client.make_wsgi_app`, shows these too.

Where several processes serve, set ``PROMETHEUS_MULTIPROC_DIR`` as `prometheus_client` asks for;
active requests are then summed over the processes that live.

Knows `prometheus_client`. Must never make a collector per request, nor two of one name: a
registry refuses that, and two stacks in one process are common.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from dualware.core.timing.figures import ACTIVE_LABELS, LABELS, Labels
from dualware.metrics import Instrument, Instruments, Record, missing

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["PrometheusSink"]

_C = TypeVar("_C")

_UNITS: Final = {"s": "_seconds", "By": "_bytes"}
_MAKING: Final = threading.Lock()


class PrometheusSink(Instruments):
    """Counts every exchange in collectors of `prometheus_client`.

    ``registry``
        Where the collectors are registered; None for the library's own ``REGISTRY``. Sinks of
        the same registry and prefix share them.
    ``prefix``
        Stands in front of every name: ``"shop"`` makes it ``shop_http_server_…``.
    ``body_size``
        True measures response bodies too.

    Raises ImportError without `prometheus_client`, and ValueError where something else has
    registered one of the names.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        prefix: str = "",
        body_size: bool = False,
    ) -> None:
        try:
            from prometheus_client import REGISTRY
        except ImportError as error:
            raise missing("prometheus_client", "prometheus") from error
        made = _Collectors(REGISTRY if registry is None else registry, prefix)
        super().__init__(made.counter, made.histogram, body_size=body_size)
        self._again = partial(type(self), prefix=prefix, body_size=body_size), (registry,)

    def __reduce__(self) -> tuple[Any, ...]:
        return self._again


class _Collectors:
    """The collectors of one registry, each made once and found again."""

    KEPT_IN: Final = "_dualware"
    """They are kept on the registry itself: they live and die with it, and a reload of this
    module finds them."""

    def __init__(self, registry: CollectorRegistry, prefix: str) -> None:
        self._registry = registry
        self._prefix = f"{prefix}_" if prefix else ""

    def counter(self, instrument: Instrument) -> Record:
        from prometheus_client import Gauge

        # A worker that died has no requests any more, so its count goes with it.
        make = partial(Gauge, multiprocess_mode="livesum")
        gauge = self._kept(instrument, make, ACTIVE_LABELS)

        def add(amount: float, labels: Labels) -> None:
            gauge.labels(*_values(ACTIVE_LABELS, labels)).inc(amount)

        return add

    def histogram(self, instrument: Instrument) -> Record:
        from prometheus_client import Histogram

        make = partial(Histogram, buckets=instrument.buckets)
        histogram = self._kept(instrument, make, LABELS)

        def record(value: float, labels: Labels) -> None:
            histogram.labels(*_values(LABELS, labels)).observe(value)

        return record

    def _kept(self, instrument: Instrument, make: Callable[..., _C], labels: Iterable[str]) -> _C:
        name = self._prefix + _spelt(instrument.name) + _UNITS.get(instrument.unit, "")
        with _MAKING:
            kept: dict[str, Any] = vars(self._registry).setdefault(self.KEPT_IN, {})
            if name not in kept:
                names = [_spelt(label) for label in labels]
                kept[name] = make(name, instrument.description, names, registry=self._registry)
            found: _C = kept[name]
            return found


def _spelt(name: str) -> str:
    return name.replace(".", "_")


def _values(names: Iterable[str], labels: Labels) -> list[str | int]:
    # All series of a name have the same labels in Prometheus; an empty one is an absent one.
    return [labels.get(name, "") for name in names]
