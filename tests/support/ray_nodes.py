"""Run by an environment's own Python: a Ray cluster of several nodes on this machine.

Prints its address, then for each line `CPUS GPUS` of standard input the process id of the new node.
The GPUs are declared, as a number: Ray looks for none.
Ends with standard input.
"""

import os
import sys

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
output = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)

from ray.cluster_utils import Cluster  # noqa: E402

SMALL = {"object_store_memory": 100_000_000, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **SMALL})
try:
    print(cluster.address, file=output)
    for line in sys.stdin:
        cpus, gpus = map(int, line.split())
        node = cluster.add_node(num_cpus=cpus, num_gpus=gpus, **SMALL)
        print(node.all_processes["raylet"][0].process.pid, file=output)
finally:
    cluster.shutdown()
