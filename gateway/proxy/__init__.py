"""The public side: asyncio protocols on uvloop that carry out what gateway.core decides."""
