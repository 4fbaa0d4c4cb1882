"""The whole house on this machine: starts every process by its command line, imports real exports through the gateway."""
