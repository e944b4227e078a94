"""An account that is managed by a file, and what was changed by hand since, for the page Configuration File."""

from __future__ import annotations

from dataclasses import replace

from django_scopes import scope
from tests.builders import platform_account
from tests.builders.platform_account import PlatformAccount

from heliograph.accounts.models import Role
from heliograph.api.configuration.configuration_plan import FileToApply, apply_file, export_account
from heliograph.api.configuration.configuration_text import write_yaml
from heliograph.domain.flow.flow import Flow as FlowFacts
from heliograph.domain.flow.flow import Mode
from heliograph.domain.setup.tag_kinds import TagKind
from heliograph.flows.models import Flow
from heliograph.flows.services.flows import save_flow
from heliograph.setup.services.retry_intervals import save_minutes
from heliograph.setup.services.tags import delete_tag
from heliograph.store.database import Database


def made(store: Database) -> PlatformAccount:
    """More applied files than one page lists. By hand a flow was changed, a tag added, another one deleted, and a retry interval changed."""
    account = platform_account.made(store)
    by = account.people[Role.ADMINISTRATOR].actor
    account.tag("Scholarship", TagKind.ATTENDEE_TYPE)
    for number in range(21):
        text = f"retry_intervals: {{connection: [1, 5, {number + 20}]}}"
        apply_file(account.pk, FileToApply(text, "intervals.yaml"), by="command" if number % 2 else by)
    with scope(account=account.pk):
        apply_file(account.pk, FileToApply(write_yaml(export_account(account.pk)), "account.yaml"), by=by)
    account.tag("By hand", TagKind.ATTENDEE_TYPE)
    with account.acme.setting_up() as transaction:
        row = Flow.objects.get(deleted_at=None)
        save_flow(transaction, replace(FlowFacts.from_body(row.pk, row.number, row.body), mode=Mode.TEST), row.pk, confirmed=True)
        delete_tag(transaction, account.acme.tags["Scholarship"].pk)
        save_minutes(transaction, {"connection": (1, 7, 40)})
    return account
