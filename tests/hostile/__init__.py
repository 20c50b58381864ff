"""Hostile requests against a running instance, by HTTP and WebSocket alone, as anybody could send them.

    python -m tests.hostile http://127.0.0.1:8000 --email admin@datawave.local --password …

Each case tries something that must not succeed. What is tried and what is refused is counted; the two numbers
are equal, or the program ends with 1. It makes two workspaces and two programs for itself, by the
administrator's rights, and leaves them behind.
"""
