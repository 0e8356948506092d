"""The soak: twenty conversations for twenty minutes, each followed by the next, and nothing grows: `make soak`.

`guest` is one of them, `manners` what it will do, `probe` looks at the processes and at Redis, `trend` says whether a
figure grows, `report` tells.
"""
