"""The policies, one file each: a settings model, and the middleware compiled from it.

Of dualware this room imports `dualware.core` only. It must never know a protocol, nor read a
clock, randomness or a file other than through a parameter.
"""
