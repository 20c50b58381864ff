"""`python -m tests.hostile http://127.0.0.1:8000 --email … --password …`"""

from __future__ import annotations

import argparse
import asyncio
import sys

from tests.hostile.trying import tried


def main() -> int:
    asked = argparse.ArgumentParser(description="Try to get in, and count how often it is refused.")
    asked.add_argument("url", help="Where the instance answers, such as http://127.0.0.1:8000")
    asked.add_argument("--email", required=True, help="An administrator's")
    asked.add_argument("--password", required=True)
    asked.add_argument("--only", help="The name of one group of cases")
    given = asked.parse_args()
    outcome = asyncio.run(
        tried(given.url, email=given.email, password=given.password, only=given.only, say=print)
    )
    return 0 if outcome.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
