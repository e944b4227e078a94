"""The services of flows, without pages. Everything happens inside `setup.services.setup_save`:

with saving(account.pk, by="user:7", whole_account=True) as s:
    save_flow(s, flow)
"""
