"""The cycle around the pure planner: queue, observe, apply, report, leadership.

May import: ports, planning, render, model, api and below; never an adapter. `__main__` hands
it the adapters; `handlers` feed its queue.
"""
