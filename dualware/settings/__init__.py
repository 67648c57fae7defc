"""A mapping in, a `Stack` or every problem out.

Knows which middleware there are, their canonical order, and how pydantic tells what is wrong.
Must never know what a setting means: that stands in the middleware's own file. Imports of models
happen when settings are built, so that `import dualware` stays light.
"""

from dualware.settings.loading import ORDER, load, model_of, single

__all__ = ["ORDER", "load", "model_of", "single"]
