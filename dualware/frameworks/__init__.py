"""Each framework's own idiom: one call, one settings mapping, no wrapping by hand.

Every framework has a file here, and is imported by that file alone. Must never hold a policy: what
is installed is a stack, as `dualware.load` builds it.
"""
