"""One contract, five targets: legacy, v2, and the gateway at 0, 50 and 100 %; or any base URL given."""
