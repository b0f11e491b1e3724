"""The rule language: rewriting and instruction selection as data (`docs` in `terms.py`)."""
