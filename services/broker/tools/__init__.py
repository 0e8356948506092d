"""Tools: what an agent's model may have done for it, by the operator's own endpoints and Python code.

`declaration.py` says what a tool is, `reading.py` makes one of a profile, `executor.py` carries calls out.
"""
