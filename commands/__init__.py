"""What the command line's commands do; ``cli.py`` declares them.

Every command drives :class:`rag.engine.Engine`. Standard output carries results only (JSON lines with
``--json``); progress, notes and errors go to standard error, in the reader's language.
"""
