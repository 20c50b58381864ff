"""The executor of what is not planned: graphql-core's, with the ways shortened that most fields go.

A column, or a function of the row, is read without an info or a path being made for it; a declared relation
waits for its dataloader without a coroutine; and what a whole list waits for is waited for in one. Whatever
else a field is, and whatever goes wrong, is graphql-core's own affair: a value that will not do is read once
more on the ordinary way, which makes the error.
"""

from datawave.executor.walk import Executor

__all__ = ["Executor"]
