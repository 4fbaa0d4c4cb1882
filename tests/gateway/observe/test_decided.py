"""The worker's list of finished exchanges."""

from gateway.observe.decided import MAX_KEPT, Decided, DecidedLog


def exchange(number: int) -> Decided:
    return Decided(float(number), "f", "u", "v2", "v2", "percentage-in", 1, 10, 3, 200, 0.1, "")


def test_exchanges_are_handed_over_once_and_in_order() -> None:
    log = DecidedLog()
    for number in range(5):
        log.add(exchange(number))
    first, second, third = log.fetch(3), log.fetch(3), log.fetch(3)
    assert [first["more"], second["more"], third["more"]] == [True, False, False]
    handed = [first["decided"], second["decided"], third["decided"]]
    assert handed == [[exchange(0), exchange(1), exchange(2)], [exchange(3), exchange(4)], []]


def test_what_nobody_fetches_is_dropped_and_counted_once() -> None:
    log = DecidedLog()
    for number in range(MAX_KEPT + 7):
        log.add(exchange(number))
    assert log.fetch()["dropped"] == 7
    assert log.fetch()["dropped"] == 0
