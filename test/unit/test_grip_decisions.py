"""A gripper's decision: at once, and undone by two chunks in a row only."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from test_chunks import DOWN, STEP
from test_execution import TICK, make

from groot_ros.chunks.chunk import Chunk
from groot_ros.chunks.execution.executor import ChunkExecutor
from groot_ros.chunks.execution.grip_decisions import DECISION, GripDecisions
from groot_ros.chunks.measures import flips
from groot_ros.signals.signals import arm_signals

STEPS = 16
REPLANNED = 6
"""Steps until the next chunk comes."""

answers = st.lists(st.booleans(), min_size=1, max_size=40)


def settled(opinions: list[float]) -> list[float]:
    """Closures where chunk i says opinions[i] of all times."""
    decisions = GripDecisions()
    return [
        decisions.settle(wanted, index, opinions[index - 1] if index else None)
        for index, wanted in enumerate(opinions)
    ]


@given(answers, st.integers(1, 30), st.booleans())
def test_a_chunk_that_dissents_alone_changes_nothing(
    before: list[bool], after: int, decided: bool
) -> None:
    opinions = [float(answer) for answer in before] + [1.0 - decided, float(decided)]
    # The last one was a decision of its own, or agrees with what was.
    opinions.append(float(decided))
    alone = [*opinions, 1.0 - decided, *[float(decided)] * after]
    closures = settled(alone)
    assert set(closures[len(opinions) - 1 :]) == {float(decided)}


@given(answers, st.booleans())
def test_what_two_chunks_say_is_done(before: list[bool], wanted: bool) -> None:
    closures = settled([*map(float, before), float(wanted), float(wanted)])
    assert closures[-1] == float(wanted)


@given(st.integers(1, 10), st.booleans())
def test_the_first_decision_is_taken_at_once(count: int, closed: bool) -> None:
    closures = settled([*[1.0 - closed] * count, float(closed)])
    assert closures == [*[1.0 - closed] * count, float(closed)]


@given(answers)
def test_every_change_has_two_chunks_behind_it_but_for_the_first(opinions: list[bool]) -> None:
    closures = settled([float(answer) for answer in opinions])
    changes = [
        index for index in range(1, len(closures)) if closures[index] != closures[index - 1]
    ]
    for index in changes[1:]:
        assert opinions[index] == opinions[index - 1] == closures[index]


@given(st.lists(st.floats(-DECISION, DECISION), max_size=30), st.lists(st.integers(0, 3)))
def test_a_closure_that_is_commanded_continuously_passes(
    steps: list[float], chunks: list[int]
) -> None:
    decisions, wanted = GripDecisions(), np.clip(np.cumsum([0.0, *steps]), 0.0, 1.0)
    for index, closure in enumerate(wanted):
        chunk = sum(chunks[: index + 1])
        assert decisions.settle(closure, chunk, 1.0 - closure) == closure


def test_within_the_chunk_that_decided_it_a_decision_may_be_undone() -> None:
    decisions = GripDecisions()
    closures = [decisions.settle(wanted, 1, None) for wanted in (0.0, 1.0, 0.0, 1.0)]
    assert closures == [0.0, 1.0, 0.0, 1.0]


def chunk(stamp_ns: int, grips: list[float]) -> Chunk:
    """A chunk of an arm that stands still."""
    poses = np.tile([0.0, 0.0, 0.0, *DOWN], (STEPS, 1))
    signals = arm_signals(ee_pose=poses, grip=grips)
    return Chunk(stamp_ns, STEP, 1, signals=signals)


def commanded(
    *grips: list[float], executor: ChunkExecutor | None = None, replanned: int = REPLANNED
) -> list[float]:
    """What is commanded where chunk i comes with so many steps consumed."""
    executor, closures = executor or make(), []
    for index, values in enumerate(grips):
        begins_ns = index * replanned * STEP
        assert executor.accept(index + 1, chunk(begins_ns, values), begins_ns) is None
        for now_ns in range(begins_ns, begins_ns + replanned * STEP, TICK):
            closures.append(executor.setpoint(now_ns).closure)
    return closures


OPEN, CLOSED = [0.0] * STEPS, [1.0] * STEPS


def test_a_chunk_made_before_the_gripper_closed_does_not_open_it() -> None:
    """It says that the gripper is still open, and closes it a moment later."""
    late = [0.0] * 4 + [1.0] * 12
    assert flips(np.array(commanded(OPEN, CLOSED, late, CLOSED))) == 1


def test_steps_of_one_chunk_that_flicker_do_not_move_it() -> None:
    flickering = [1.0, 1.0, 0.0, 1.0, 0.0, 0.8] + [1.0] * 10
    assert flips(np.array(commanded(OPEN, CLOSED, flickering, CLOSED))) == 1


def test_a_step_or_two_at_the_grasp_are_no_decision() -> None:
    """The very first one included, which no chunk before can contradict."""
    grasp = [0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0] + [1.0] * 8
    closures = np.array(commanded(grasp, replanned=STEPS - 1))
    assert flips(closures) == 1
    closed = int(np.argmax(closures > DECISION)) * TICK / STEP
    assert 7.9 <= closed <= 8.3, "what lasts is done at once"
    assert flips(np.array(commanded([0.0] * 3 + [1.0] + [0.0] * 12))) == 0


def test_a_real_change_comes_one_chunk_later() -> None:
    closures = np.array(commanded(OPEN, CLOSED, OPEN, OPEN))
    opened = len(closures) * 3 // 4
    assert flips(closures) == 2
    assert np.all(closures[opened - 5 : opened - 1] == 1.0) and np.all(closures[opened + 5 :] == 0)


def test_the_last_chunk_is_obeyed_where_nothing_follows() -> None:
    executor = make()
    replanned = STEPS - 1
    closures = commanded(OPEN, CLOSED, OPEN, executor=executor, replanned=replanned)
    assert closures[-1] == 1.0, "one chunk alone does not open"
    begin_ns = 3 * replanned * STEP
    later = (executor.setpoint(ns) for ns in range(begin_ns, begin_ns + 10 * STEP, TICK))
    assert [setpoint.closure for setpoint in later if setpoint][-1] == 0.0


def test_chunks_that_are_played_whole_are_obeyed_each() -> None:
    closures = commanded(OPEN, CLOSED, OPEN, executor=make(strategy="finish"), replanned=STEPS + 4)
    assert set(closures[-STEPS // 2 :]) == {0.0}


def test_a_new_instruction_is_obeyed_at_once() -> None:
    executor = make()
    assert commanded(OPEN, CLOSED, executor=executor)[-1] == 1.0
    now_ns = 2 * REPLANNED * STEP
    executor.cancel(2, now_ns)
    for tick in range(100):
        executor.setpoint(now_ns + tick * TICK)
    now_ns += 100 * TICK
    poses = np.tile([0.0, 0.0, 0.0, *DOWN], (STEPS, 1))
    opening = Chunk(now_ns, STEP, 2, signals=arm_signals(ee_pose=poses, grip=OPEN))
    assert executor.accept(9, opening, now_ns) is None
    closures = [executor.setpoint(now_ns + tick * TICK).closure for tick in range(10)]
    assert closures[-1] == 0.0
