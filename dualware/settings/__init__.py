"""Settings from anywhere in, a `Stack` or every problem out.

Knows which middleware there are, their order and why it is that, and how pydantic tells what is
wrong. Must never know what a setting means: that stands in the middleware's own file. Imports of
models happen when settings are built, so that `import dualware` stays light.
"""

from dualware.settings.loading import ORDER, model_of, single
from dualware.settings.sources import Source, load

__all__ = ["ORDER", "Source", "load", "model_of", "schema", "single"]


def schema() -> dict[str, object]:
    """The JSON Schema of the whole mapping, for editors that complete TOML, YAML and JSON."""
    from dualware.settings.json_schema import document

    return document()
