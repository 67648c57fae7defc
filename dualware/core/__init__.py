"""HTTP as values, and the engine.

This room knows what an exchange is and in which order its events come. It must never know a
protocol (no ``environ``, no ``scope``), do I/O, be a coroutine, or read a clock or randomness
other than through a parameter. Of dualware it imports nothing but itself.
"""
