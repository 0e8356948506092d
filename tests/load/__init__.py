"""The load: what the ring adds, costs and holds, measured by a crowd of simulated people before a cheap fake model; and
how long people wait for an answer, measured by a talk with the ring's own engine.

Read in this order: `person` (who speaks when), `device` (one client, with its `playout`), `model` (the other end),
`crowd` (many devices for a while), `tape` (what was noted), then the judges: `uplink`, `downlink`, `interruption`,
`figures`, and of the talk `response_time`; then `talk` and `bench`, which put the steps together. docs/performance.md
defines every figure.
"""
