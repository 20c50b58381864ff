"""What an operation costs, in points, known before it runs.

The SDL says it: `@cost` on a field, and without it an object costs 1 and a leaf 0. What is in the `edges`
and `nodes` of a connection counts as often as the page is long, what is in another list as often as its
`@listSize` says, or else `LIST_SIZE` times. A document is priced once: what is left for each request is a
formula over its variables, and mostly a plain number.
"""

from datawave.transports.cost.charging import Cost, charged
from datawave.transports.cost.prices import Prices
from datawave.transports.cost.pricing import Pricing

__all__ = ["Cost", "Prices", "Pricing", "charged"]
