"""Let pages of other origins read responses: theirs whom the settings name, and nobody else's.

A preflight is answered here, before anything inside sees it; every other request reaches the
application, whoever sent it, and its response says who may read it. What depends on the origin
says so in Vary, so that no cache gives one origin what was made for another.

    dualware.wrap(app, {"cors": {"allow_origins": ["https://shop.example"]}})

Place it outside of authentication and of what redirects: a preflight has no credentials, and
follows no redirect. Knows when a policy applies; `dualware.core.cors.sharing` knows what it says.
Must never know a protocol, change the status of a response, or stop a request because of its
origin: it is the browser that enforces CORS. Websocket handshakes alone are refused here, since
browsers do not hold them to it.

The settings stand in `settings`, what they are compiled to in `policy`, what is told of them in
`notices`, what happens in an exchange in `flows`, and what the application may say in `choices`.
"""

from dualware.middleware.cors.choices import Decision, use_policy
from dualware.middleware.cors.flows import CORS
from dualware.middleware.cors.settings import CORSPolicy, CORSSettings, PathPolicy

__all__ = ["CORS", "CORSPolicy", "CORSSettings", "Decision", "PathPolicy", "use_policy"]
