"""The load: what the ring adds, costs and holds, measured by a crowd of simulated people before a cheap fake model.

Read in this order: `person` (who speaks when), `device` (one client, with its `playout`), `model` (the other end),
`crowd` (many devices for a while), `tape` (what was noted), then the judges: `uplink`, `downlink`, `interruption`,
`figures`; and `bench`, which puts the steps together. docs/performance.md defines every figure.
"""
