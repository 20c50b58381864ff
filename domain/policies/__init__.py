"""What may leave a source, what is kept of it, and who is told: policies of agents and sources (edge), rules
of access (rules), values of columns (values).

Empty on purpose: sources and discoveries import the one file that they need, which must not bring the others.
"""
