"""The whole house on this machine: every process by its command line, real exports through the gateway."""
