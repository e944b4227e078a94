"""The parts of a trial of the product, for `bench`, `verify`, `demo`, `seed` and tests.

    ground              a temporary data folder and a migrated database
    trial_database      a PostgreSQL database that is empty or left by an earlier trial
    account             makes an account from a plan
    northwind           the plan of the demo and of seeds
    northwind_flows     its connections, mappings and flows
    load                the clients that post registrations
    receiver            the server that takes deliveries; each trial has a function of its own that answers them
    postgres_server     a PostgreSQL server of the trial's own
    small_disk          a disk that the trial can fill
    machine_clocks      clocks that the trial can set
    command_processes   `serve`, `web` and `worker` with their own ports and logs: started, asked to stop, killed

Nothing here is a stand-in: set-up goes through the services of the pages, and the processes are the commands that an operator runs.
"""
