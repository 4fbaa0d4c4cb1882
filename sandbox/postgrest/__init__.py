"""A PostgREST 12 front: a pure planner from request to SQL and a thin edge. Counterpart: any PostgREST client."""
