"""Timeline documents: what editors exchange, read and written in exact time."""
