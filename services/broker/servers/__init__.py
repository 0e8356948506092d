"""Servers: what the broker knows of each kind of Realtime server, one YAML file each; docs/models.md explains them.

The files that lie here are shipped. PARLEY_SERVERS names a folder of one's own, whose files add to them or take their
place by name.
"""
