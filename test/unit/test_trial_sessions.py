"""Sessions of trials that go on after an interruption."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groot_ros.errors import UserError
from groot_ros.trials.session import FAILURE, FILE, SUCCESS, Plan, Session, Trial


@given(st.integers(1, 30), st.integers(1, 4), st.integers(0, 1000))
def test_policies_take_turns_in_every_scene(scenes: int, count: int, seed: int) -> None:
    policies = tuple("abcd"[:count])
    plan = Plan(robot="sim", instruction="", policies=policies, scenes=scenes, seed=seed)
    order = plan.order()
    assert sorted(order) == [(scene, p) for scene in range(scenes) for p in policies]
    assert [scene for scene, _ in order] == sorted(scene for scene, _ in order)
    firsts = Counter(policy for _, policy in order[::count])
    assert max(firsts.values()) - min(firsts[p] for p in policies) <= 1


def test_a_session_goes_on_where_it_was_and_refuses_another(tmp_path: Path) -> None:
    plan = Plan(robot="sim", instruction="pick", policies=("a", "b"), scenes=4, seed=3)
    session = Session.opened(plan, tmp_path)
    order = plan.order()
    for scene, policy in order[:5]:
        outcome = SUCCESS if policy == "a" else FAILURE
        session.add(
            Trial(scene=scene, policy=policy, outcome=outcome, duration_s=1.0, ended="key")
        )
    again = Plan(robot="sim", instruction="pick", policies=("a", "b"), scenes=4, seed=8)
    resumed = Session.opened(again, tmp_path)
    assert list(resumed.left()) == order[5:]
    [comparison] = resumed.summary()["comparisons"]
    assert comparison["pairs"] == 2 and comparison["difference"] == -1.0
    assert "more scenes" in comparison["words"]
    assert len(resumed.sentences()) == 3 and "of 3" in " ".join(resumed.sentences())
    other = Plan(robot="sim", instruction="pick", policies=("a", "c"), scenes=4, seed=3)
    with pytest.raises(UserError, match="whose policies is"):
        Session.opened(other, tmp_path)
    (tmp_path / FILE).write_text(json.dumps({"plan": {}}))
    with pytest.raises(UserError, match="holds no session"):
        Session.opened(plan, tmp_path)
