"""How often the guard is wrong and how soon it is right, by simulation; beside the rules of other systems."""
