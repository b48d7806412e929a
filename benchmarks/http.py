"""The cost of an answer over HTTP, beside a bare Flask route that reads, chooses and writes the same with the raw driver.

.venv/bin/python benchmarks/http.py [--rounds 5] [--contacts 1000,10000,100000] [--only sqlite|postgresql] [--case shipped|bare]

First the case of a user: the bank that is shipped, contacts with events of its signals, a webhook endpoint and a connection to a CRM. Then
a bare one: 60 single choices, nobody who wants messages.

Rounds of floor and product alternate in one run; medians are compared. Processor time is that of the web server's processes and of
PostgreSQL's. The floor is described in `benchmarks/http_floor.py`.
"""

import sys
from importlib import import_module
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)  # beside this file `http` would hide Python's own module
    import_module("benchmarks.http_rounds").main()
