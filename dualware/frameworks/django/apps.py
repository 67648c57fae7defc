# pyright: basic
"""The entry in `INSTALLED_APPS`, which makes ``manage.py check`` look at our settings.

Must never do anything else: without it the stack works the same.
"""

from __future__ import annotations

from django.apps import AppConfig
from django.core import checks

from dualware.frameworks.django.checks import check_places, check_settings

__all__ = ["DualwareConfig"]


class DualwareConfig(AppConfig):  # type: ignore[misc]
    """Registers the system checks."""

    name = "dualware.frameworks.django"
    label = "dualware"
    verbose_name = "dualware"

    def ready(self) -> None:
        checks.register(check_settings)
        checks.register(check_places)
