"""What the worker does: one module per kind of job, each a function (store, job, watch) → result.

They know nothing about processes, leases or threads, so each can be called by itself. Nothing is
imported here, so that generating images never loads torch.
"""
