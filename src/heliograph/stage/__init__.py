"""What a trial of the product needs, for `bench`, `verify` and tests: ground to stand on, an account with flows, and the product's processes.

    ground      a temporary data folder, or a PostgreSQL database that is empty or an earlier trial's; migrated
    content     an account with events, statuses, tags, questions, flows, connections and a token
    processes   `serve`, `web` and `worker` with ports and logs of their own: started, asked to stop, killed

Nothing here is a stand-in: set-up goes through the services of the pages, and what runs is the command that an operator runs.
"""
