#!/usr/bin/env python3
"""Adds up a column of a CSV file of the repository, by another column if asked.

config: {"handler": "csv_summary", "file": "data/sales.csv", "sum": "amount", "by": "country"}
"""

import csv
import json
import os
import sys
from collections import defaultdict

job = json.load(sys.stdin)
config = job["config"]

with open(config["file"], newline="", encoding="utf-8") as file:
    rows = list(csv.DictReader(file))

totals = defaultdict(float)
with open(os.environ["CLOUD_JOBS_PROGRESS"], "a") as progress:
    for number, row in enumerate(rows, start=1):
        try:
            group = row[config["by"]] if "by" in config else "all"
            totals[group] += float(row[config["sum"]])
        except (KeyError, ValueError) as error:
            # The last lines of stderr become the error of the job.
            sys.exit(f"{config['file']}, row {number}: {error!r}")
        if number % 1000 == 0 or number == len(rows):
            print(f"{number}/{len(rows)} rows", file=progress, flush=True)

print(f"{len(rows)} rows in {len(totals)} groups")
with open(os.environ["CLOUD_JOBS_RESULT"], "w") as result:
    json.dump({"rows": len(rows), "totals": totals}, result)
