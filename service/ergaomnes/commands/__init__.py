"""The commands of `ergaomnes`, one a file; `cli.py` loads the one that is asked for."""
