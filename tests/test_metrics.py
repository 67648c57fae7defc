"""The metric sinks that come with the package, against the real libraries.

Knows both libraries, and how each shows what it counted. Every test of exchanges runs with both
of them and under both protocols, in a world whose clocks are moved by hand.
"""

import asyncio
import contextlib
import importlib
import os
import pickle
import subprocess
import sys

import prometheus_client
import pytest
from opentelemetry import metrics as otel_api
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Histogram, InMemoryMetricReader

import dualware
from dualware.core.problems import SettingsError
from dualware.core.timing.figures import ACTIVE_LABELS, LABELS
from dualware.effects import REAL
from dualware.metrics import ACTIVE, BODY_SIZE, DURATION, SESSION
from dualware.metrics.otel import OpenTelemetrySink
from dualware.metrics.prometheus import PrometheusSink
from dualware.middleware.timing import Timing, TimingSettings
from dualware.settings.reading import validated
from dualware.testing import ASGIClient, Script, WSGIClient
from tests.timing_parts import Acted, World


class Prometheus:
    """A registry of its own, and what is in it."""

    def __init__(self):
        self.registry = prometheus_client.CollectorRegistry()

    def sink(self, **options):
        """A sink that counts here."""
        return PrometheusSink(self.registry, **options)

    def seen(self):
        """Instrument → labels → value, or (count, sum, bounds with how many are up to each)."""
        names = {
            "http_server_active_requests": ACTIVE,
            "http_server_request_duration_seconds": DURATION,
            "http_server_response_body_size_bytes": BODY_SIZE,
            "websocket_session_duration_seconds": SESSION,
        }
        dots = {name.replace(".", "_"): name for name in LABELS}
        found = {}
        for metric in self.registry.collect():
            series = found.setdefault(names[metric.name].name, {})
            for sample in metric.samples:
                bound = sample.labels.get("le")
                labels = frozenset(
                    (dots[name], value)
                    for name, value in sample.labels.items()
                    if value and name != "le"
                )
                kind = sample.name.removeprefix(metric.name)
                if not kind:
                    series[labels] = sample.value
                elif kind != "_created":
                    entry = series.setdefault(labels, {"buckets": {}})
                    if bound is None:
                        entry[kind] = sample.value
                    else:
                        entry["buckets"][float(bound)] = sample.value
        return _tidy(found)


class OpenTelemetry:
    """A provider of its own, and what it was told."""

    def __init__(self):
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader])

    def sink(self, **options):
        """A sink that counts here."""
        return OpenTelemetrySink(self.provider.get_meter("test"), **options)

    def seen(self):
        """As `Prometheus.seen`."""
        data = self.reader.get_metrics_data()
        found = {}
        for resource in data.resource_metrics if data else ():
            for metric in (each for scope in resource.scope_metrics for each in scope.metrics):
                series = found.setdefault(metric.name, {})
                for point in metric.data.data_points:
                    labels = frozenset(
                        (name, str(value)) for name, value in point.attributes.items()
                    )
                    if not isinstance(metric.data, Histogram):
                        series[labels] = point.value
                        continue
                    counts, total, buckets = point.bucket_counts, 0, {}
                    for bound, count in zip(
                        [*point.explicit_bounds, float("inf")], counts, strict=True
                    ):
                        total += count
                        buckets[bound] = total
                    series[labels] = {
                        "_count": point.count,
                        "_sum": point.sum,
                        "buckets": buckets,
                    }
        return _tidy(found)


def _tidy(found):
    """Instruments without a series left out, histograms as (count, sum, buckets)."""
    return {
        name: {
            labels: (entry["_count"], round(entry["_sum"], 9), entry["buckets"])
            if isinstance(entry, dict)
            else entry
            for labels, entry in series.items()
        }
        for name, series in found.items()
        if series
    }


@pytest.fixture(params=[Prometheus, OpenTelemetry], ids=["prometheus", "otel"])
def library(request):
    """One library, counting from zero."""
    return request.param()


@pytest.fixture
def world():
    """Clocks that are moved by hand."""
    return World()


GET = {("http.request.method", "GET"), ("url.scheme", "http")}
HTTP_1 = ("network.protocol.version", "1.1")


def status(code, *more):
    """The labels of GET requests that were answered so."""
    return frozenset({*GET, HTTP_1, ("http.response.status_code", str(code)), *more})


# T11: what is measured


def test_a_request(dual, world, library):
    """One duration in seconds with its labels, and nobody is active any more."""
    # observability T11
    timing = world.timing(metrics=[library.sink()], route=lambda request: "/items/{id}")
    acted = Acted(world, before=60, chunks=[(20, b"a")], after=10)
    dual.request(acted.apps, world.stack(timing), path="/items/42")
    ((labels, (count, total, buckets)),) = library.seen()[DURATION.name].items()

    assert status(200, ("http.route", "/items/{id}")) == labels
    assert (1, 0.09) == (count, total)
    assert [0.075, 0.1] == [
        max(bound for bound, many in buckets.items() if not many),
        min(bound for bound, many in buckets.items() if many),
    ]
    assert {frozenset(GET): 0} == library.seen()[ACTIVE.name]
    assert {DURATION.name, ACTIVE.name} == set(library.seen())


def test_the_buckets(dual, world, library):
    """Those that OpenTelemetry advises, and one for all above."""
    # observability T11
    dual.request(Script(), world.stack(world.timing(metrics=[library.sink()])))
    ((_, _, buckets),) = library.seen()[DURATION.name].values()

    assert [
        *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
        float("inf"),
    ] == list(buckets)


def test_the_duration_until_the_start(dual, world, library):
    """Of `duration_until` there is one reading, whatever counts."""
    # observability T11
    acted = Acted(world, before=5, chunks=[(20, b"a")])
    timing = world.timing(metrics=[library.sink()], duration_until="start")
    dual.request(acted.apps, world.stack(timing))

    assert [0.005] == [total for _, total, _ in library.seen()[DURATION.name].values()]


def test_active_requests(dual, world, library):
    """Up when an exchange begins, down when the last of it is sent, with the labels known then."""
    # observability T11
    seen = []

    def look():
        seen.append(library.seen()[ACTIVE.name])

    sinks = [library.sink(), lambda figures: look()]
    script = Script(chunks=[b"a", b"b"], body="generator", on_request=look)
    for _ in range(2):
        dual.request(script, world.stack(world.timing(metrics=sinks)), "PUT")
    put = frozenset({("http.request.method", "PUT"), ("url.scheme", "http")})

    assert [{put: 1}, {put: 0}, {put: 1}, {put: 0}] == seen


# How an exchange ends, and the labels of the one duration that it leaves.
ENDS = [
    ({"status": 204, "chunks": ()}, {}, status(204)),
    ({"status": 404}, {}, status(404)),
    ({"status": 503}, {}, status(503, ("error.type", "503"))),
    ({"error": KeyError(), "error_at": "call"}, {}, status(500, ("error.type", "KeyError"))),
    (
        {"error": KeyError(), "error_at": 1, "chunks": (b"a",), "body": "generator"},
        {},
        status(200, ("error.type", "KeyError")),
    ),
    ({"chunks": (b"a", b"b"), "body": "generator"}, {"read": 1}, status(200)),
]


@pytest.mark.parametrize(("described", "options", "labels"), ENDS)
def test_every_end_counts_once(dual, world, library, described, options, labels):
    """However an exchange ends: one duration, and one fewer active."""
    # observability T10, observability T11
    stack = world.stack(world.timing(metrics=[library.sink()]))
    with contextlib.suppress(KeyError):
        dual.request(Script(**described), stack, **options)
    seen = library.seen()

    assert {labels: 1} == {each: count for each, (count, _, _) in seen[DURATION.name].items()}
    assert {frozenset(GET): 0} == seen[ACTIVE.name]


def test_cancellation_counts_once(world, library):
    """ASGI: a WSGI application is not cancelled."""
    # observability T10, observability T11

    async def cancelled(scope, receive, send):
        raise asyncio.CancelledError

    app = world.stack(world.timing(metrics=[library.sink()])).asgi(cancelled)
    ASGIClient(app).request_sync()
    ((labels, (count, _, _)),) = library.seen()[DURATION.name].items()

    assert (1, "asyncio.exceptions.CancelledError") == (count, dict(labels)["error.type"])
    assert {frozenset(GET): 0} == library.seen()[ACTIVE.name]


def test_ten_thousand_paths_are_one_series(dual, world, library):
    """Nor does anything else that a client makes up grow the number of them."""
    # observability T11
    stack = world.stack(world.timing(metrics=[library.sink(body_size=True)]))
    app = dual.wrap(Script(chunks=()), stack)
    for number in range(10_000):
        ask(dual, app, number)
    seen = library.seen()

    assert [1, 1, 1] == [len(seen[each.name]) for each in (ACTIVE, DURATION, BODY_SIZE)]
    assert [10_000] == [count for count, _, _ in seen[DURATION.name].values()]


def ask(dual, app, number):
    """A request of which nothing was seen before; without the checks, which take their time."""
    path, version = f"/items/{number}", f"1.{number + 2}"
    if dual.protocol == "wsgi":
        environ = {
            "REQUEST_METHOD": f"M{number}",
            "PATH_INFO": path,
            "QUERY_STRING": f"page={number}",
            "SERVER_PROTOCOL": f"HTTP/{version}",
            "wsgi.url_scheme": f"s{number}",
        }
        for _ in app(environ, lambda *_: None):
            pass
        return
    scope = {
        "type": "http",
        "method": f"M{number}",
        "path": path,
        "query_string": f"page={number}".encode(),
        "http_version": version,
        "scheme": f"s{number}",
        "headers": [],
    }

    async def send(_message):
        pass

    with contextlib.suppress(StopIteration):
        app(scope, None, send).send(None)


def test_body_sizes_are_measured_on_demand(dual, world, library):
    """What was sent, where that is known."""
    # observability T11
    stack = world.stack(world.timing(metrics=[library.sink(body_size=True)]))
    dual.request(Script(chunks=(b"x" * 300, b"y" * 700)), stack)
    dual.request(Script(chunks=(b"gone",)), stack, "HEAD")
    dual.request(Script(body="file", chunks=(b"of unknown length",)), stack, "PUT")
    sizes = library.seen()[BODY_SIZE.name]

    assert (1, 1000) == sizes[status(200)][:2]
    assert sizes[status(200)][2][256] == 0
    assert sizes[status(200)][2][1024] == 1
    assert {"GET", "HEAD"} <= {dict(labels)["http.request.method"] for labels in sizes}


def test_an_unknown_body_size_is_not_measured(world, library):
    """WSGI: what a server sends by itself from a file wrapper nobody has counted."""
    # observability T11
    script = Script(body="file", chunks=(b"of unknown length",), headers=())
    stack = world.stack(world.timing(metrics=[library.sink(body_size=True)]))
    WSGIClient(stack.wsgi(script.wsgi)).request()

    assert {DURATION.name, ACTIVE.name} == set(library.seen())


def test_sessions_have_a_duration_of_their_own(world, library):
    """Among the requests, sessions of hours would hide them (ASGI: WSGI has no websockets)."""
    # observability T11, observability T14
    active = []
    script = Script(
        on_request=lambda: (active.append(library.seen()[ACTIVE.name]), world.tick(90_000))
    )
    app = world.stack(world.timing(metrics=[library.sink(body_size=True)])).asgi(script.asgi)
    ASGIClient(app).websocket_sync()
    begun = frozenset({("http.request.method", "GET"), ("url.scheme", "ws")})
    seen = library.seen()
    ((labels, (count, total, buckets)),) = seen[SESSION.name].items()

    assert begun | {("http.response.status_code", "101"), HTTP_1} == labels
    assert (1, 90) == (count, total)
    assert [60, 300] == [
        max(bound for bound, many in buckets.items() if not many),
        min(bound for bound, many in buckets.items() if many),
    ]
    assert [{begun: 1}] == active
    assert {SESSION.name, ACTIVE.name} == set(seen)
    assert {begun: 0} == seen[ACTIVE.name]


def test_nested_stacks_count_once(dual, world, library):
    """The inner one passes through."""
    # observability X11, observability T11
    timings = [world.timing(metrics=[library.sink()]) for _ in range(2)]
    dual.separate(Script(), timings)

    assert [1] == [count for count, _, _ in library.seen()[DURATION.name].values()]
    assert {frozenset(GET): 0} == library.seen()[ACTIVE.name]


# The labels


def test_the_names_of_the_labels(dual, world, library):
    """What `Figures.labels` may hold is what the instruments know."""
    # observability T11
    figures = []
    timing = world.timing(metrics=[library.sink(), figures.append], route=lambda request: "/")
    dual.request(Script(status=500), world.stack(timing))

    assert list(LABELS) == list(figures[0].labels)
    assert list(ACTIVE_LABELS) == list(figures[0].active_labels)
    ((labels, _),) = library.seen()[DURATION.name].items()
    assert set(LABELS) == set(dict(labels))


# Prometheus: collectors


def test_the_text_that_prometheus_reads(dual, world):
    """Names and units in Prometheus's spelling."""
    # observability T11
    library = Prometheus()
    dual.request(Script(), world.stack(world.timing(metrics=[library.sink()])))
    text = prometheus_client.generate_latest(library.registry).decode()

    assert "# TYPE http_server_request_duration_seconds histogram" in text
    assert "# TYPE http_server_active_requests gauge" in text
    assert (
        'http_server_request_duration_seconds_count{error_type="",http_request_method="GET",'
        'http_response_status_code="200",http_route="",network_protocol_version="1.1",'
        'url_scheme="http"} 1.0' in text
    )
    assert 'http_server_active_requests{http_request_method="GET",url_scheme="http"} 0.0' in text


def test_stacks_share_their_collectors(dual, world):
    """A registry takes a name once, and two stacks in one process are common."""
    # observability T11
    library = Prometheus()
    for _ in range(2):
        dual.request(Script(), world.stack(world.timing(metrics=[library.sink()])))

    assert [2] == [count for count, _, _ in library.seen()[DURATION.name].values()]


def test_a_prefix_makes_other_collectors(dual, world):
    """For one registry with several applications."""
    # observability T11
    library = Prometheus()
    sinks = [library.sink(), library.sink(prefix="shop")]
    dual.request(Script(), world.stack(world.timing(metrics=sinks)))
    text = prometheus_client.generate_latest(library.registry).decode()

    assert "# TYPE http_server_request_duration_seconds histogram" in text
    assert "# TYPE shop_http_server_request_duration_seconds histogram" in text


def test_a_reload_finds_the_collectors_again():
    """A module that is loaded anew knows nothing of those that it made."""
    # observability T11
    library = Prometheus()
    before = library.sink()
    module = importlib.reload(sys.modules["dualware.metrics.prometheus"])
    try:
        after = module.PrometheusSink(library.registry)
    finally:
        module.PrometheusSink = PrometheusSink

    assert type(before) is not type(after)
    assert {"_dualware"} == set(vars(library.registry)) - set(
        vars(prometheus_client.CollectorRegistry())
    )


def test_a_name_that_something_else_registered(monkeypatch):
    """It is a problem of the settings, told when they are read."""
    # observability X13
    registry = prometheus_client.CollectorRegistry()
    prometheus_client.Counter("http_server_active_requests", "Mine.", registry=registry)
    monkeypatch.setattr(prometheus_client, "REGISTRY", registry)

    with pytest.raises(ValueError, match="Duplicated timeseries"):
        PrometheusSink(registry)
    with pytest.raises(SettingsError, match="Duplicated timeseries") as caught:
        validated(TimingSettings, "timing", {"metrics": ["prometheus"]})
    assert [("DW299", "timing.metrics[0]")] == [(p.code, p.path) for p in caught.value.problems]


FORKED = """
import os
import prometheus_client
from dualware.metrics.prometheus import PrometheusSink

registry = prometheus_client.CollectorRegistry()
sink = PrometheusSink(registry)

class Figures:
    kind, duration_s, sent = "http", 0.5, 1
    labels = active_labels = {"http.request.method": "GET", "url.scheme": "http"}

for _ in range(2):
    pid = os.fork()
    if not pid:
        sink.start(Figures())
        sink(Figures())
        sink.start(Figures())
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
sink.start(Figures())
sink(Figures())

from prometheus_client.multiprocess import MultiProcessCollector
seen = prometheus_client.CollectorRegistry()
MultiProcessCollector(seen)
labels = dict.fromkeys([
    "http_response_status_code", "http_route", "error_type", "network_protocol_version",
], "") | {"http_request_method": "GET", "url_scheme": "http"}
begun = {"http_request_method": "GET", "url_scheme": "http"}
print(
    seen.get_sample_value("http_server_request_duration_seconds_count", labels),
    seen.get_sample_value("http_server_active_requests", begun),
)
"""


def test_forked_workers_are_summed(tmp_path):
    """Made before the fork, counted after it, in files that the library reads together."""
    # observability T11
    done = subprocess.run(
        [sys.executable, "-c", FORKED],
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ("3.0 2.0\n", "") == (done.stdout, done.stderr)


# OpenTelemetry: providers


LATER = """
import dualware
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

def site(environ, start_response):
    start_response("200 OK", [])
    return [b"Hello"]

app = dualware.wrap(site, {"timing": {"metrics": ["otel"]}})
again = dualware.wrap(site, {"timing": {"metrics": ["otel"]}})
for _ in app({"REQUEST_METHOD": "GET"}, lambda *_: None):
    pass
reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
later = dualware.wrap(site, {"timing": {"metrics": ["otel"]}})
for each in (app, again, later):
    for _ in each({"REQUEST_METHOD": "GET"}, lambda *_: None):
        pass
(resource,) = reader.get_metrics_data().resource_metrics
(scope,) = resource.scope_metrics
for metric in sorted(scope.metrics, key=lambda each: each.name):
    print(scope.scope.name, metric.name, metric.unit, len(metric.data.data_points))
    (point,) = metric.data.data_points
    print(getattr(point, "count", None), getattr(point, "value", None))
"""


def test_a_provider_may_come_later():
    """The application sets it up when it likes; several stacks share its instruments."""
    # observability T11
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", LATER],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert [
        "dualware http.server.active_requests {request} 1",
        "None 0",
        "dualware http.server.request.duration s 1",
        "3 None",
    ] == done.stdout.splitlines()
    assert "" == done.stderr


# The setting


def site(environ, start_response):
    """An application that can be pickled by its name."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello\n"]


COUNTED = []


def count(figures):
    """A sink that is named in settings."""
    COUNTED.append(figures.status)


def test_a_sink_by_its_name(dual):
    """`"package.module:NAME"`, imported when the settings are read."""
    # observability T11
    COUNTED.clear()
    dual.request(Script(status=204), {"timing": {"metrics": [f"{__name__}:count"]}})

    assert [204] == COUNTED


@pytest.mark.parametrize("word", ["prometheus", "otel"])
def test_a_sink_by_its_word(dual, word):
    """Stands for the sink with its defaults."""
    # observability T11
    result = dual.request(Script(), {"timing": {"metrics": [word]}})
    kinds = {"prometheus": PrometheusSink, "otel": OpenTelemetrySink}
    (sink,) = Timing(TimingSettings(metrics=[word]), REAL)._sinks

    assert 200 == result.status
    assert isinstance(sink, kinds[word])
    assert f"{kinds[word].__name__}()" == repr(sink)


def test_the_word_counts_in_the_library_s_own_registry(dual):
    """So that what shows it to Prometheus already shows ours."""
    # observability T11
    labels = {"http_request_method": "TRACE", "url_scheme": "http"}
    dual.request(Script(), {"timing": {"metrics": ["prometheus"]}}, "TRACE")
    value = prometheus_client.REGISTRY.get_sample_value("http_server_active_requests", labels)

    assert 0 == value


@pytest.mark.parametrize(
    "metrics",
    [["prometheus", "otel"], (PrometheusSink(prefix="p"), OpenTelemetrySink()), [count]],
)
def test_wrappers_can_be_pickled(metrics):
    """Words stay words; sinks without a registry or meter of their own are made again."""
    # observability T11
    app = dualware.wrap(site, {"timing": {"metrics": metrics}}, protocol="wsgi")
    copy = pickle.loads(pickle.dumps(app))
    chunks = copy({"REQUEST_METHOD": "GET"}, lambda *_: None)

    assert [b"Hello\n"] == list(chunks)


def test_a_pickled_sink_keeps_its_options():
    """All but the registry or the meter, which belongs to a process."""
    sink = pickle.loads(pickle.dumps(PrometheusSink(prefix="kept", body_size=True)))
    meters = pickle.loads(pickle.dumps(OpenTelemetrySink(body_size=True)))

    assert sink._sizes is not None
    assert meters._sizes is not None
    assert "kept_http_server_active_requests" in prometheus_client.REGISTRY._names_to_collectors
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(PrometheusSink(prometheus_client.CollectorRegistry()))


@pytest.mark.parametrize(
    ("word", "module", "code", "hint"),
    [
        ("prometheus", "prometheus_client", "DW208", "run pip install 'dualware[prometheus]'"),
        ("otel", "opentelemetry.metrics", "DW208", "run pip install 'dualware[otel]'"),
    ],
)
def test_a_library_that_is_not_installed(monkeypatch, word, module, code, hint):
    """The problem names the extra that brings it, and nothing else of the settings suffers."""
    # observability X13
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingsError) as caught:
        validated(TimingSettings, "timing", {"metrics": [count, word], "max_entries": 0})
    kind = {"prometheus": PrometheusSink, "otel": OpenTelemetrySink}[word]
    with pytest.raises(ImportError, match="is not installed; run pip install"):
        kind()

    problems = {problem.path: problem for problem in caught.value.problems}
    assert {"timing.metrics[1]", "timing.max_entries"} == set(problems)
    assert (code, hint) == (problems["timing.metrics[1]"].code, problems["timing.metrics[1]"].hint)
    assert "is not installed" in problems["timing.metrics[1]"].sentence


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ("prometeus", "DW106", "did you mean 'prometheus'?"),
        ("statsd", "DW106", "write 'prometheus', 'otel', 'package.module:NAME', or a callable"),
        ("", "DW106", "write 'prometheus'"),
        ("nowhere.at:all", "DW205", "can't be imported"),
        (f"{__name__}:nothing", "DW205", "can't be imported"),
        (f"{__name__}:World", "DW205", "is a class"),
        (f"{__name__}:GET", "DW104", "can't be called"),
        (f"{__name__}:ask", "DW205", "is called with 1 arguments"),
        (7, "DW104", "write 'prometheus' or 'otel', 'package.module:NAME', or a callable"),
        (None, "DW104", "can't be called"),
        (PrometheusSink, "DW205", "make an instance of it"),
    ],
)
def test_a_bad_sink(given, code, words):
    """One problem each, told at its place."""
    # observability X13
    with pytest.raises(SettingsError) as caught:
        validated(TimingSettings, "timing", {"metrics": [count, given, given]})
    problems = caught.value.problems

    assert [f"timing.metrics[{place}]" for place in (1, 2)] == [p.path for p in problems]
    assert [code, code] == [problem.code for problem in problems]
    assert words in str(problems[0])


def test_nothing_is_imported_that_is_not_asked_for():
    """Neither library is loaded by the package, nor by timing, before its sink is made."""
    # observability T11
    program = (
        "import sys, dualware, dualware.asgi, dualware.wsgi, dualware.metrics\n"
        "import dualware.metrics.prometheus, dualware.metrics.otel\n"
        "dualware.load({'timing': {'metrics': [print]}})\n"
        "assert not {'prometheus_client', 'opentelemetry'} & set(sys.modules), sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )

    assert (0, "") == (done.returncode, done.stderr)


def test_a_sink_that_fails_changes_nothing(dual, world, monkeypatch):
    """It is reported; the response and the count of active requests go on."""
    # observability X12
    library = Prometheus()
    sink = library.sink()

    def fail(value, labels):
        raise OSError("disk full")

    sink._requests = fail
    result = dual.request(Script(), world.stack(world.timing(metrics=[sink])))

    assert 200 == result.status
    assert ["the metric sink PrometheusSink() failed"] == [text for text, _ in world.reports]
    assert {frozenset(GET): 0} == library.seen()[ACTIVE.name]


def test_the_global_meter_is_the_library_s():
    """Nothing of ours sets a provider."""
    OpenTelemetrySink()

    assert "Proxy" in type(otel_api.get_meter_provider()).__name__
