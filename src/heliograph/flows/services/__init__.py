"""What can be done to flows, without a page. Everything happens inside `setup.services.save`:

with saving(account.pk, by="user:7", whole_account=True) as s:
    save_flow(s, flow)
"""
