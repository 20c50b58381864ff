"""The processes of the platform: the API, a worker (with the built-in agent beside it), an agent."""

from datawave.app.processes import know_api, know_work, run_agent, run_worker, serve

__all__ = ["know_api", "know_work", "run_agent", "run_worker", "serve"]
