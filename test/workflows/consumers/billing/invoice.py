"""config: {"handler": "invoice", "customer": "Ada", "lines": [12.5, 30]}"""

import json
import os
import sys

job = json.load(sys.stdin)
config = job["config"]
print(f"Invoice for {config['customer']}")
with open(os.environ["CLOUD_JOBS_RESULT"], "w") as result:
    json.dump({"customer": config["customer"], "total": sum(config["lines"])}, result)
