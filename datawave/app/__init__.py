"""The processes of the platform: the API, a worker (with the built-in agent beside it), an agent."""

from datawave.app.processes import run_agent, run_worker, serve

__all__ = ["run_agent", "run_worker", "serve"]
