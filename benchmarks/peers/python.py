"""Serves one of the Python peers as the product serves itself: `python -m benchmarks.peers.python MODULE`.

uvicorn with uvloop and httptools, no access log, the garbage collector frozen after the imports.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys

import uvicorn


def main(module: str) -> None:
    app = importlib.import_module(f"benchmarks.peers.{module}").app
    gc.collect()
    gc.freeze()
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_level="warning",
        ws_per_message_deflate=False,
    )


if __name__ == "__main__":
    main(sys.argv[1])
