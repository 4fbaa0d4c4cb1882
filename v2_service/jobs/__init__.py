"""The durable import: DBOS steps that join `processors/` with `adapters/`."""
