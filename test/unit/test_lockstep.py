"""Simulated time in lockstep over a network that keeps no order among topics."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from groot_ros.timing.lockstep import Members, Tick, Traffic, Turn

PERIOD_NS = 10
TICKS = 6


class Network:
    """Messages in flight: in order from one publisher on one topic, in any order otherwise."""

    def __init__(self) -> None:
        self.flights: dict[tuple[str, str, str], deque[Callable[[], None]]] = {}

    def send(self, route: tuple[str, str, str], arrive: Callable[[], None]) -> None:
        self.flights.setdefault(route, deque()).append(arrive)

    def deliver(self, choice: int) -> bool:
        waiting = [flight for flight in self.flights.values() if flight]
        if waiting:
            waiting[choice % len(waiting)].popleft()()
        return bool(waiting)


class World:
    """A clock that publishes a state before each tick, and members that answer on topics."""

    def __init__(self, names: list[str]) -> None:
        self.network = Network()
        self.names = names
        self.time_ns = 0
        self.members, self.traffic = Members(), Traffic()
        self.known = {name: {"state": 0, **dict.fromkeys(names, 0)} for name in [*names, "clock"]}
        self.seen: dict[str, list[tuple[int, dict[str, int]]]] = {name: [] for name in names}
        self.commands: list[dict[str, int]] = []
        self.traffics = {name: Traffic() for name in names} | {"clock": self.traffic}
        self.turns = {name: Turn(name, self.traffics[name]) for name in names}
        self.sent = dict.fromkeys(["state", *names], 0)
        for name, traffic in self.traffics.items():
            for topic in ("state", *names):
                if topic != name and not (name == "clock" and topic == "state"):
                    traffic.expect(topic)
        for name in names:
            self.turns[name].join()
            self.report(name, 0)

    def publish(self, sender: str, topic: str) -> None:
        self.sent[topic] += 1
        count = self.sent[topic]
        self.traffics[sender].sent(topic, count)
        for receiver in self.traffics:
            if receiver != sender:
                self.network.send(
                    (sender, receiver, topic), lambda r=receiver: self.receive(r, topic, count)
                )

    def receive(self, receiver: str, topic: str, count: int) -> None:
        self.known[receiver][topic] = count
        self.traffics[receiver].received(topic, count)
        self.look(receiver)

    def report(self, name: str, handled_ns: int) -> None:
        sent = self.turns[name].publishes(self.traffics[name].take_sent())

        def arrive() -> None:
            self.members.report(name, True, handled_ns, sent)
            self.look("clock")

        self.network.send((name, "clock", "report"), arrive)

    def look(self, name: str) -> None:
        if name == "clock":
            self.go_on()
        elif tick := self.turns[name].due():
            self.seen[name].append((tick.stamp_ns, dict(self.known[name])))
            self.publish(name, name)
            self.turns[name].handled(tick)
            self.report(name, tick.stamp_ns)

    def go_on(self) -> None:
        if self.members.names != set(self.names) or self.time_ns == TICKS * PERIOD_NS:
            return
        waits = self.members.missing(self.time_ns) or self.traffic.missing(self.members.published)
        if self.time_ns and waits:
            return
        if self.time_ns:
            self.commands.append(dict(self.known["clock"]))
        published = self.members.take()
        self.time_ns += PERIOD_NS
        self.publish("clock", "state")
        published |= self.traffic.take_sent()
        tick = Tick(self.time_ns, PERIOD_NS, self.members.names, published)
        for name in self.names:

            def arrive(name: str = name) -> None:
                self.turns[name].come(tick)
                self.look(name)

            self.network.send(("clock", name, "tick"), arrive)


@given(st.integers(0, 2**32))
def test_everybody_knows_at_a_tick_what_came_before_it_in_any_order(seed: int) -> None:
    world = World(["executor", "policy"])
    draw = random.Random(seed)
    while world.network.deliver(draw.randrange(50)):
        pass
    for name, other in (("executor", "policy"), ("policy", "executor")):
        assert [stamp for stamp, _ in world.seen[name]] == [
            PERIOD_NS * k for k in range(1, TICKS + 1)
        ]
        for index, (_, known) in enumerate(world.seen[name]):
            assert known["state"] == index + 1
            # What the other one publishes at this very tick may be here already.
            assert known[other] in (index, index + 1)
    assert [known["executor"] for known in world.commands] == list(range(1, TICKS))


def test_who_joins_is_not_asked_for_what_came_before() -> None:
    traffic = Traffic()
    traffic.expect("state")
    turn = Turn("policy", traffic)
    turn.come(Tick(10, 10, frozenset(), {"state": 7}))
    turn.join()
    assert turn.due() is None
    turn.come(Tick(10, 10, frozenset({"policy"}), {"picture": 3}))
    assert turn.due() == Tick(10, 10, frozenset({"policy"}), {"picture": 3})
    turn.come(Tick(20, 10, frozenset({"policy"}), {"state": 8, "else": 3}))
    assert turn.due() is None
    traffic.received("state", 8)
    assert turn.due() is not None


def test_who_was_too_late_reports_again_and_is_waited_for_again() -> None:
    members, turn = Members(), Turn("policy", Traffic())
    turn.join()
    members.report("policy", True, 0, {})
    turn.come(Tick(10, 10, members.names))
    assert members.missing(10) == ["policy"]
    members.drop(["policy"])
    assert members.missing(10) == [] and not members.names
    turn.come(Tick(20, 10, members.names, {"state": 1}))
    tick = turn.due()
    assert tick is not None and tick.stamp_ns == 20
    turn.handled(tick)
    members.report("policy", True, turn.handled_ns, {"chunk": 1})
    assert members.names == {"policy"} and members.missing(20) == []
    assert members.take() == {"chunk": 1} and members.take() == {}
    members.report("policy", False, 20, {})
    assert not members.names


def test_a_report_that_was_lost_is_made_again_with_all_that_it_named() -> None:
    members, turn = Members(), Turn("policy", Traffic())
    turn.join()
    turn.publishes({"state": 1})
    turn.come(Tick(10, 10))
    assert turn.unheard(Tick(10, 10)), "that it joined was lost"
    members.report("policy", turn.joined, turn.handled_ns, turn.publishes({}))
    assert members.take() == {"state": 1}

    tick = Tick(20, 10, members.names)
    turn.come(tick)
    assert not turn.unheard(tick)
    turn.handled(tick)
    turn.publishes({"chunk": 4})
    assert members.missing(20) == ["policy"], "that it handled the tick was lost"
    turn.come(tick)
    assert turn.unheard(tick) and turn.due() is None
    again = turn.publishes({})
    members.report("policy", turn.joined, turn.handled_ns, again)
    assert members.missing(20) == [] and members.take()["chunk"] == 4

    after = Tick(30, 10, members.names, {"chunk": 4})
    turn.come(after)
    assert not turn.unheard(after)
    turn.handled(after)
    members.report("policy", True, 20, again)  # the same once more, late
    members.report("policy", True, 30, turn.publishes({"chunk": 5}))
    assert members.missing(30) == [] and members.take()["chunk"] == 5

    turn.leave()
    assert turn.unheard(Tick(40, 10, members.names)) and not turn.unheard(Tick(40, 10))


def test_whom_the_clock_waits_for_no_more_reports_when_it_has_handled_something() -> None:
    turn = Turn("policy", Traffic())
    turn.join()
    turn.come(Tick(10, 10, frozenset({"policy"})))
    for stamp_ns in (20, 30):
        turn.come(Tick(stamp_ns, 10))
        assert not turn.unheard(Tick(stamp_ns, 10))


def test_a_publisher_that_was_started_again_counts_from_one() -> None:
    traffic = Traffic()
    traffic.expect("chunk")
    traffic.received("chunk", 57)
    traffic.received("chunk", 1)
    assert traffic.missing({"chunk": 2, "not subscribed": 5}) == ["chunk"]
