"""What can be done to the set-up, without a page: the same calls for pages, API, commands and jobs.

Everything happens inside `saving`, which is one transaction: it takes the locks, and at its end writes the versions of configuration,
the audit, and tells the flows what was fixed. So one page save, or one import's worth of new things, is one version.

    with saving(account.pk, events=[event.pk], by="user:7") as s:
        vip = setup.save_type(s, event.pk, TypeFacts("VIP", "VIP guest", tags=(tag.pk,)))
"""
