"""What asv runs. The workloads are those of ../peers, so that both time the same thing."""

import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).resolve().parents[1] / "peers"
sys.path.insert(0, str(PEERS))


def compile_kernels():
    """Compile all kernels into the cache in processes that are not measured, for asv's setup_cache."""
    subprocess.run([sys.executable, "-m", "tapeless", "compile"], check=True)


compile_kernels.timeout = 900
