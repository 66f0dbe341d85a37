"""What an action of a gripper sends, for bags that do not say: rosbag2 writes down no definitions
of an action's topics. Fields as control_msgs, service_msgs and rosidl define them."""

from __future__ import annotations

from rosbags.typesys import get_types_from_msg
from rosbags.typesys.store import Typestore

ACTION = "control_msgs/action/GripperCommand"
DEFINITIONS = {
    "service_msgs/msg/ServiceEventInfo": (
        "uint8 event_type\n"
        "builtin_interfaces/Time stamp\n"
        "uint8[16] client_gid\n"
        "int64 sequence_number\n"
    ),
    "control_msgs/msg/GripperCommand": "float64 position\nfloat64 max_effort\n",
    f"{ACTION}_Goal": "control_msgs/GripperCommand command\n",
    f"{ACTION}_Feedback": "float64 position\nfloat64 effort\nbool stalled\nbool reached_goal\n",
    f"{ACTION}_FeedbackMessage": (
        f"unique_identifier_msgs/UUID goal_id\n{ACTION}_Feedback feedback\n"
    ),
    f"{ACTION}_SendGoal_Request": f"unique_identifier_msgs/UUID goal_id\n{ACTION}_Goal goal\n",
    f"{ACTION}_SendGoal_Response": "bool accepted\nbuiltin_interfaces/Time stamp\n",
    f"{ACTION}_SendGoal_Event": (
        "service_msgs/ServiceEventInfo info\n"
        f"{ACTION}_SendGoal_Request[<=1] request\n"
        f"{ACTION}_SendGoal_Response[<=1] response\n"
    ),
}


def register_gripper_types(store: Typestore) -> None:
    """Add the types of the action GripperCommand to those of a store."""
    for name, text in DEFINITIONS.items():
        found = get_types_from_msg(text, name)
        store.register({key: value for key, value in found.items() if key not in store.types})
