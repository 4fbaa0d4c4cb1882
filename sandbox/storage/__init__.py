"""A stand-in for the storage service: buckets and objects, rows in PostgreSQL and bytes on disk."""
