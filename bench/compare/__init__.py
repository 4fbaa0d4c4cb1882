"""Legacy's imports and v2's dry runs of every example export, side by side."""
