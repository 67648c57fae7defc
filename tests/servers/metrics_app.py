"""An application whose requests are counted, and beside it the page that Prometheus reads.

For servers with several processes: ``PROMETHEUS_MULTIPROC_DIR`` is set. Only what is below
``/counted`` is counted. Must never count what the test asks besides.
"""

import os

import prometheus_client
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

import dualware


def child_exit(_server, worker):
    """For gunicorn, whose configuration this file is too: a dead worker counts no more."""
    mark_process_dead(worker.pid)


def answer(environ, start_response):
    """Say which process it is."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


counted = dualware.wrap(answer, {"timing": {"metrics": ["prometheus"]}})


def app(environ, start_response):
    """The page, what is counted, and the rest."""
    path = environ["PATH_INFO"]
    if path == "/metrics":
        registry = prometheus_client.CollectorRegistry()
        MultiProcessCollector(registry)
        return prometheus_client.make_wsgi_app(registry)(environ, start_response)
    return (counted if path.startswith("/counted") else answer)(environ, start_response)
