"""Files: the line on which a setting stands, however it is written there.

Knows TOML and JSON. Must never load settings.
"""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualware.settings.files import line_of, parsed, statements, table_of

TOML = Path("a.toml")
JSON = Path("a.json")

TEXT = '''# A comment, and an empty line

timing = true   # another
"quoted.key" = 1
logging.preset = "ecs"
request_id = { header = "X", nested = { deep = 1 } }
[long]  # [not] a header
first = [
  "a",  # in [here]
  "b = c",
]
second = """
[not.a.header]
first = 2
"""
third = 3
[ spaced . "out.er" ]
key = \'\'\'x\'\'\'
[[many]]
one = 1
[[many]]
two = 2
[logging.levels]
404 = "debug"'''


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("timing",), 3),
        (("quoted.key",), 4),
        (("logging",), 5),
        (("logging", "preset"), 5),
        (("request_id",), 6),
        (("request_id", "nested", "deep"), 6),
        (("long",), 7),
        (("long", "first"), 8),
        (("long", "second"), 12),
        (("long", "third"), 16),
        (("spaced", "out.er"), 17),
        (("spaced", "out.er", "key"), 18),
        (("many",), 19),
        (("logging", "levels"), 23),
        (("logging", "levels", "404"), 24),
        (("not", "a"), None),
        (("timing", "header"), None),
        (("long", "header"), None),
        (("header",), None),
    ],
)
def test_toml(keys, line):
    """Tables, dotted keys, inline tables, arrays and texts of many lines."""
    assert line == line_of(statements(TOML, TEXT), keys)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("timing",), 2),
        (("timing", "header"), 3),
        (("timing", "max\n_{}"), 5),
        (("logging", "levels", "404"), 9),
        (("logging", "after"), 10),
        (("one",), 11),
        (("two",), 11),
        (("levels",), None),
        (("timing", "x"), None),
        (("in",), None),
    ],
)
def test_json(keys, line):
    """Objects in objects and lists, and text that looks like either."""
    text = """{
  "timing": {
    "header":
      "x: {[\\"\\\\",
    "max\\n_{}": 1
  },
  "logging": {
    "list": [{"in": [1, {}]}, []],
    "levels": {"404": true},
    "after": null},
  "one": 1, "two": "2"
}"""
    assert parsed(JSON, text)
    assert line == line_of(statements(JSON, text), keys)


def test_ends_of_lines():
    """No text is cut at what merely looks like one."""
    toml = "a = 'x\x85y\u2028z'\nb = 1\nc = 2"
    text = '{"a": "x\x85y",\n"b": 1}'

    assert 3 == line_of(statements(TOML, toml), ("c",))
    assert 2 == line_of(statements(JSON, text), ("b",))


@given(
    st.dictionaries(
        st.text("ab_.", min_size=1, max_size=3),
        st.dictionaries(st.text("cd ", min_size=1, max_size=3), st.integers(0, 9), max_size=3),
        max_size=4,
    )
)
def test_every_key_is_found(tables):
    """On the line where it was written, whatever it is called."""
    lines, expected = [], {}
    for table, content in tables.items():
        lines.append(f"[{json.dumps(table)}]")
        expected[table,] = len(lines)
        for key, number in content.items():
            lines.append(f"{json.dumps(key)} = {number}")
            expected[table, key] = len(lines)
    text = "\n".join(lines)
    found = statements(TOML, text)

    assert tables == parsed(TOML, text)
    assert expected == {keys: line_of(found, keys) for keys in expected}


@given(st.recursive(st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_every_key_of_json_is_found(content):
    """Pretty printed, each key has a line of its own, in order."""
    text = json.dumps(content, indent=1)
    lines = [line for line, _ in statements(JSON, text)]
    keyed = [
        number
        for number, line in enumerate(text.split("\n"), 1)
        if line.lstrip(" ").startswith('"')
    ]
    # A text alone is a line without a key.
    assert (keyed if isinstance(content, dict) else []) == lines


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"tool": {"dualware": {}}, "dualware": {}}, ("tool", "dualware")),
        ({"tool": {"other": {}}, "dualware": {}}, ("dualware",)),
        ({"tool": {"other": {}}}, None),
        ({"tool": []}, None),
        ([], None),
    ],
)
def test_table_of(content, expected):
    """The table of tools counts first."""
    assert expected == table_of(content)
