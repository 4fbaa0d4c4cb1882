"""The images' health check: `health.py PATH PORT` asks this container's service; $PORT, if set, wins over PORT."""

import os
import sys
import urllib.error
import urllib.request

path, port = sys.argv[1], os.environ.get("PORT") or sys.argv[2]
try:
    # Never through a proxy of the environment: the question is whether this container answers.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{path}", timeout=4) as answer:
        healthy = answer.status == 200
except (urllib.error.URLError, OSError) as error:
    print(f"{path} on port {port}: {error}", file=sys.stderr)
    healthy = False
sys.exit(0 if healthy else 1)
