"""Which files start a command anew.

Must never start one: `test_serve.py` does.
"""

from dualware.cli.reloading import changes


def test_changes(tmp_path):
    """Sources and settings, at any depth; nothing that is installed, hidden or built."""
    for name in ("shop.py", "a/b/shop.toml", "a/settings.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for name in ("shop.log", ".git/x.py", "__pycache__/x.py", ".venv/site-packages/x.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    # What goes away while we look is not there.
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere.py")
    seen = changes(tmp_path)

    assert {"shop.py", "a/b/shop.toml", "a/settings.json"} == {
        path.removeprefix(f"{tmp_path}/") for path in seen
    }
    assert seen == changes(tmp_path)
    (tmp_path / "shop.py").unlink()
    assert seen != changes(tmp_path)
