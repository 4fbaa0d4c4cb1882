"""Looks at users' chunks over a connection of its own, as legacy's search would, while imports run and die."""

from __future__ import annotations

import threading

import psycopg

LOOK_SECONDS = 0.02


class Watch:
    """`looks` counts looks at all watched users together, `empty` how often one of them had no chunk."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._users: tuple[str, ...] = ()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.looks = 0
        self.empty = 0

    def add(self, user: str) -> None:
        """From now on this user must never be without chunks."""
        self._users = (*self._users, user)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        found = "select distinct user_id::text from conversation_chunks where user_id::text = any(%s)"
        with psycopg.connect(self._uri, autocommit=True) as connection:
            while not self._over.wait(LOOK_SECONDS):
                users = self._users
                if users:
                    there = {row[0] for row in connection.execute(found, (list(users),))}
                    self.looks += 1
                    self.empty += len(set(users) - there)
