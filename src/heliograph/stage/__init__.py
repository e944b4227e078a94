"""What a trial of the product needs, for `bench`, `verify` and tests: a place to run, an account with flows, and the product's processes.

    ground      a temporary data folder, or a PostgreSQL database that is empty or left by an earlier trial; migrated
    content     an account with events, statuses, tags, questions, flows, connections and a token
    processes   `serve`, `web` and `worker` with their own ports and logs: started, asked to stop, killed

Nothing here is a stand-in: set-up goes through the services of the pages, and the processes are the commands that an operator runs.
"""
