"""Metrics of a server with several processes: what Prometheus reads is their sum.

Knows gunicorn, whose workers are forked. Must never depend on which worker answers.
"""

from prometheus_client.parser import text_string_to_metric_families

from tests.servers.running import running

COMMAND = (
    "gunicorn -k sync -w 2 -b 127.0.0.1:{port} -c python:tests.servers.metrics_app"
    " tests.servers.metrics_app:app"
)
ROUNDS = 50
"""Pairs of requests after which both workers have surely answered some."""


def pair(server):
    """Two requests, the second of which comes while some worker waits for the rest of the first."""
    with server.connect() as first:
        first.sendall(b"GET /counted/first HTTP/1.1\r\n")
        second = server.get("/counted/second").body
        first.sendall(b"Host: x\r\nConnection: close\r\n\r\n")
        head, _, body = b"".join(iter(lambda: first.recv(65536), b"")).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 200")
    return {second, body}


def samples(server):
    """Name → the values of all series, as Prometheus reads them."""
    found = {}
    for family in text_string_to_metric_families(server.get("/metrics").body.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.value)
    return found


def test_workers_are_summed(tmp_path, monkeypatch):
    """Each worker counts in files of its own, and whichever one is asked tells of all."""
    # observability T11
    kept = tmp_path / "kept"
    kept.mkdir()
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(kept))
    with running("gunicorn-sync", "gunicorn", COMMAND, tmp_path / "log") as server:
        workers, asked = set(), 0
        for _ in range(ROUNDS):
            workers |= pair(server)
            asked += 2
            if len(workers) == 2:
                break
        told = [samples(server) for _ in range(4)]

    assert 2 == len(workers)
    for each in told:
        assert [asked] == each["http_server_request_duration_seconds_count"]
        assert [0] == each["http_server_active_requests"]
