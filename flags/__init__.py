"""Feature flags as Unleash defines them: read, compiled, followed, evaluated, changed. Counterpart: `gateway`.

model       what a compiled flag is             document, compile   from Unleash's JSON to thresholds and sets
bucketing   the hash                            evaluate, engine    one answer for one user
source      what every source has in common     file_source, follow a followed file, last_good its safety copy
file_store  changing percentage and stage       kill, journal       the local kill, and who did what when
stage       how a flag carries its stage
unleash_*   the same on an Unleash server       opening             file or server, for whoever follows
unleash_usage tells the server who uses its flags
apply_times how long changes took
cross_check compiled against the SDK's engine
"""
