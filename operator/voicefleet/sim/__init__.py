"""Virtual time: the operator's own planner, and its peers, on a world made of numbers.

Nothing here knows a clock, a file or a network, and every random number comes from a seed
that is passed in: the same fleet, trace and seed give the same result to the last digit.
Called by `cli/simulate`, by the benches and by the tests.
"""
