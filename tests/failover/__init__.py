"""`make failover`: kills and partitions the primary of a PostgreSQL cluster under load, and counts from outside what was lost or out of order (O19).

    etcd ── Patroni ── PostgreSQL one ══ synchronous replication ══ PostgreSQL two ── Patroni ── etcd
                             └────────── two `web`, three `worker` ───────────┘

cluster   etcd and both nodes, from Debian's packages
links     the connections between the machines, which can be cut
senders   the load: a steady rate of posts, each sent until it is accepted
watch     what pages and /health/ready answer meanwhile
trial     the run and its report
"""
