"""Question -> passages -> prompt -> streamed answer with citations -> turn log.

The one door is :class:`rag.engine.Engine`. Importing this package is free: it reads no
environment, touches no disk and loads no model.
"""
