"""The services of the set-up, without pages: the same calls for pages, commands and jobs.

Every save happens inside `saving`, which is one transaction. It first takes the locks. At its end it writes the versions of configuration, and
makes the runs due that waited for a tag. So one save of a page, or everything that one import creates, is one version.

    with saving(account.pk, events=[event.pk], by="user:7") as s:
        vip = setup.save_type(s, event.pk, TypeFacts("VIP", "VIP guest", tags=(tag.pk,)))
"""
