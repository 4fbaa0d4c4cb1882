"""The pure half of the v2 pipeline: text in, text and decisions out. No HTTP, environment or clock; jobs/ executes it."""
