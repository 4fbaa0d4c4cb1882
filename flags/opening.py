"""One place that chooses where flags come from. Counterparts: a proxy worker, which follows what it gets here."""

from pathlib import Path

from flags.file_source import FileSource
from flags.source import FlagSource


def unleash_copy(flags_path: Path) -> Path:
    """Where the last good flags of an Unleash server are kept: beside the flag file, as the kill is."""
    return flags_path.with_name(flags_path.name + ".unleash")


def open_source(
    flags_path: Path,
    *,
    unleash_url: str = "",
    unleash_token: str = "",
    instance_id: str = "gateway",
    max_age: float | None = None,
) -> FlagSource:
    """The Unleash server's flags if there is a URL, else the file's. Nothing is read or asked before the first `poll`.

    `max_age` (seconds) gives up an Unleash server's flags when they are older; a file's are as old as they are.
    Raises ValueError for a URL that is not http or https.
    """
    if not unleash_url:
        return FileSource(flags_path)
    from flags.unleash_source import UnleashOptions, UnleashSource  # brings an HTTP client

    options = UnleashOptions(unleash_url, unleash_token, instance_id=instance_id)
    return UnleashSource(options, unleash_copy(flags_path), max_age=max_age)
