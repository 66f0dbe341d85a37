"""The shipped checkpoint with late chunks, in closed loop: its gripper does not flutter."""

from groot_ros.policies.tried import checkpoint_choice
from groot_ros.sim.trials import Trials
from groot_ros.timing.latency import Latency
from groot_ros.training.closed_loop import Evaluation, evaluate

# In these scenes the gripper went to and fro 9 and 19 times, where every chunk was obeyed.
SCENES = Trials("pick", 2, seed=60_010)


def test_late_chunks_that_contradict_each_other_do_not_make_the_gripper_flutter() -> None:
    evaluation = Evaluation(
        checkpoint_choice(None),
        SCENES,
        executed_steps=0,
        latency=Latency(0.4),
        strategy="latest",
    )
    outcomes = list(evaluate(evaluation))
    assert all(outcome.succeeded for outcome in outcomes)
    assert all(1 <= outcome.flips <= 4 for outcome in outcomes)
