"""SIGHUP: settings and route table are read again; what can change at once does, the rest is named.

Loaded when the first SIGHUP comes, because it brings the settings library with it.
"""

import sys
from dataclasses import replace

from gateway.config import GatewayConfig
from gateway.fleet import Fleet
from gateway.proxy.config import LIVE, WorkerConfig
from gateway.settings import GatewaySettings, InvalidSettingsError, read_settings, variable


def live_config(running: WorkerConfig, wanted: WorkerConfig) -> WorkerConfig:
    """`running` with those values of `wanted` that may change while workers run."""
    return replace(running, **{name: getattr(wanted, name) for name in LIVE})


def needing_restart(started: GatewayConfig, wanted: GatewaySettings) -> list[str]:
    """The variables that differ from those that the gateway was started with, and that only a restart changes."""
    return [
        variable(name)
        for name, value in wanted.plain().items()
        if name not in LIVE and started.settings.get(name) != value
    ]


async def reload(started: GatewayConfig, fleet: Fleet) -> None:
    """Take over what is new and say so on standard error; if anything is wrong, all of the old stays."""
    try:
        wanted = read_settings(**started.options)
        config = live_config(fleet.config, wanted.worker_config())
    except InvalidSettingsError as invalid:
        sys.stderr.write(f"not reloaded: {invalid}\n")
        return
    except OSError as error:
        sys.stderr.write(f"not reloaded: {error.strerror}\n")
        return
    problems = await fleet.reload(config)
    sys.stderr.write(f"reloaded, but {'; '.join(problems)}\n" if problems else "settings and routes reloaded\n")
    if waiting := needing_restart(started, wanted):
        sys.stderr.write(f"changed, but only a restart brings it into force: {', '.join(waiting)}\n")
