"""`groot-ros convert --engine ray` on a cluster of two nodes, in an environment with Ray.

`converted_on_ray.py ARGUMENT...`: those of `groot-ros`; prints how many nodes there were.
"""

import os
import sys

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
from ray.cluster_utils import Cluster  # noqa: E402

from groot_ros.cli.main import main  # noqa: E402

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20}

if __name__ == "__main__":
    cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    cluster.add_node(**NODE)
    cluster.wait_for_nodes()
    os.environ["RAY_ADDRESS"] = cluster.address
    print(len(cluster.list_all_nodes()), "nodes", flush=True)
    code = main(sys.argv[1:])
    cluster.shutdown()
    sys.exit(code)
