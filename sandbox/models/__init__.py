"""Stand-ins for language and embedding models over real HTTP: Anthropic Messages and Bedrock runtime."""
