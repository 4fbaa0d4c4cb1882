-- Run by the PostgreSQL image once, on an empty volume: Unleash keeps its flags apart from v2's checkpoints.
CREATE DATABASE unleash;
