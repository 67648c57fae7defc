"""``dualware schema``: the schema as a document.

Must never test what it says: `tests/settings/test_json_schema.py` does.
"""

import json

from dualware.settings import schema


def test_document(command):
    """It is the one that the package makes."""
    status, out = command("schema")

    assert (0, schema()) == (status, json.loads(out))
