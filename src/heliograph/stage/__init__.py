"""What a trial of the product needs, for `bench`, `verify`, `demo`, `seed` and tests: a place to run, an account, senders, a receiver and the
product's processes.

    ground      a temporary data folder, or a PostgreSQL database that is empty or left by an earlier trial; migrated
    account     makes an account of a plan; northwind: the plan of the demo and of seeds, northwind_flows its flows
    load        the clients that post registrations
    receiver    the server that takes deliveries; what it answers is a function of each trial's own `targets`
    processes   `serve`, `web` and `worker` with their own ports and logs: started, asked to stop, killed

Nothing here is a stand-in: set-up goes through the services of the pages, and the processes are the commands that an operator runs.
"""
