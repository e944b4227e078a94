"""The services of the set-up, without pages: the same calls for pages, commands and jobs.

Everything happens inside `saving`, which is one transaction: it takes the locks, and at its end writes the versions of configuration and
the audit, and tells the flows what was fixed. So one save of a page, or all that one import creates, is one version.

    with saving(account.pk, events=[event.pk], by="user:7") as s:
        vip = setup.save_type(s, event.pk, TypeFacts("VIP", "VIP guest", tags=(tag.pk,)))
"""
