"""Run a WSGI application under a server that has no command line of its own.

``python -m tests.servers.small NAME PORT [MODULE:APP]``, where NAME is wsgiref, wsgiref-quiet or
werkzeug. Must never change what the server does.
"""

import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

from werkzeug.serving import run_simple
from werkzeug.utils import import_string


class Quiet(WSGIRequestHandler):
    """As a user has it who wants no lines about requests."""

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    name, port, *named = sys.argv[1:]
    app = import_string(named[0] if named else "tests.servers.wsgi_app:app")
    if name == "werkzeug":
        run_simple("127.0.0.1", int(port), app, threaded=True)
    else:
        handler = Quiet if name == "wsgiref-quiet" else WSGIRequestHandler
        with make_server("127.0.0.1", int(port), app, handler_class=handler) as server:
            server.serve_forever()
