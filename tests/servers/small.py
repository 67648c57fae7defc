"""Run the WSGI application under a server that has no command line of its own.

``python -m tests.servers.small wsgiref|werkzeug PORT``. Must never change what the server does.
"""

import sys
from wsgiref.simple_server import make_server

from werkzeug.serving import run_simple

from tests.servers.wsgi_app import app

if __name__ == "__main__":
    name, port = sys.argv[1:]
    if name == "werkzeug":
        run_simple("127.0.0.1", int(port), app, threaded=True)
    else:
        with make_server("127.0.0.1", int(port), app) as server:
            server.serve_forever()
