"""What is known about plain text: language, sentences, lexical terms. Pure functions, no I/O."""
