"""The policy node with its model in a server: the same chunks, and what a lost server does."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager

from graph import Graph
from served_models import RecordingModel, running

from groot_ros.chunks.message import from_action_chunk
from groot_ros.serving.gr00t_server import Gr00tServer
from groot_ros_msgs.msg import ActionChunk, ChunkReport


@contextmanager
def server(model: RecordingModel, port: int = 0):
    def serve(thread, ready):
        return Gr00tServer(model, thread).serve("127.0.0.1", port, ready)

    with running(serve) as url:
        yield url


def test_a_lost_server_stops_the_motion_and_a_new_one_continues(
    graph: Graph, robot, start
) -> None:
    model = RecordingModel()
    chunks = graph.collect(ActionChunk, "/policy/action_chunk")
    reports = graph.collect(ChunkReport, "/policy/chunk_report")
    with ExitStack() as stack:
        url = stack.enter_context(server(model))
        policy = start("policy_node", policy="remote", policy_url=url)
        assert graph.transition("/policy", "configure") and graph.transition("/policy", "activate")
        graph.wait_for(lambda: chunks and chunks[-1].horizon, "a chunk")
        chunk = from_action_chunk(chunks[-1])
        assert chunk.step_ns == model.step_ns and len(chunk) == 16
        report = graph.wait_for(lambda: reports and reports[-1], "a report")
        assert 0 < report.network_time + report.server_time <= report.model_time
        assert report.network_time > 0 and report.server_time > 0
        # Leaving takes a while, in which the motion may end already.
        epoch = chunks[-1].epoch
    graph.wait_for(lambda: chunks[-1].horizon == 0, "the chunk that ends the motion")
    assert chunks[-1].epoch > epoch
    graph.wait_for(lambda: policy.said("waiting: the server gr00t://"), "the reason")
    with server(model, int(url.rsplit(":", 1)[1])):
        graph.wait_for(lambda: chunks[-1].horizon, "a chunk of the new server")
        assert chunks[-1].epoch > epoch


def test_a_server_that_is_not_there_refuses_the_transition(graph: Graph, robot, start) -> None:
    policy = start("policy_node", policy="remote", policy_url="ws://127.0.0.1:1")
    assert not graph.transition("/policy", "configure")
    graph.wait_for(lambda: policy.said("is it running, and policy_url right?"), "the reason")
