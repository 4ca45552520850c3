"""What a person types: one file a command. `main.py` knows their names, and imports one only when it is called."""
