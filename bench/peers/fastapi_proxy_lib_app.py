"""fastapi-proxy-lib's ready-made reverse proxy app."""

import os

import httpx
from fastapi_proxy_lib.fastapi.app import reverse_http_app

client = httpx.AsyncClient(limits=httpx.Limits(max_connections=4096, max_keepalive_connections=128), timeout=600)
app = reverse_http_app(client=client, base_url=os.environ["UPSTREAM"] + "/")
