"""What `timing` is made of: the figures of an exchange, and the header that tells them.

Must never know a flow: when any of it is asked for is the middleware's to say.
"""
