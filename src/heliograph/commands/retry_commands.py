"""`heliograph retry`: reads the Retry Queue and submits its items from the command line (guide: The Retry Queue; D8)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from heliograph.commands.connection_commands import find_connection
from heliograph.commands.operator_output import (
    NoWait,
    OfAccount,
    find_event,
    find_flow,
    in_account,
    not_empty,
    print_documents,
    print_rows,
    print_table,
    print_text,
    watch_job,
)
from heliograph.commands.setup_commands import BY, CommandError, Json
from heliograph.domain.delivery.retry_policy import Category

if TYPE_CHECKING:
    from heliograph.accounts.models import Account
    from heliograph.api.documents.retry_documents import RetryItemStory
    from heliograph.deliveries.account_reader import AccountReader
    from heliograph.jobs.models import Job
    from heliograph.retry.item_details import Details
    from heliograph.retry.retry_items import RetryFilter
    from heliograph.web.list_count import ListCount


class StatusName(StrEnum):
    """A status, as spelled on the command line: a value of `retry.retry_items.StatusChoice`, which only Django's processes load."""

    WAITING = "waiting"
    UNTAGGED = "untagged"
    RETRY = "Retry"
    ERROR = "Error"
    FAILED = "Failed"
    DONE = "Done"


Status = Annotated[
    StatusName | None,
    typer.Option(
        case_sensitive=False, help="Only items of this status. waiting: Retry and Error without untagged; untagged: they wait for a tag."
    ),
]
OfCategory = Annotated[Category | None, typer.Option("--category", case_sensitive=False, help="Only items of this category.")]
OfFlow = Annotated[str | None, typer.Option("--flow", help="Only items of this flow: its name or id.")]
OfConnection = Annotated[str | None, typer.Option("--connection", help="Only items of this connection: its name.")]
OfEvent = Annotated[str | None, typer.Option("--event", help="Only items of this event: its code.")]
Words = Annotated[
    str | None, typer.Option("--words", callback=not_empty, help="Words in the code or name of a registration, or a text in the reason.")
]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="The Retry Queue: list its items, show one with its story, submit them.", no_args_is_help=True)
    group.command("list")(list_)
    group.command("show")(show)
    group.command("submit")(submit)
    app.add_typer(group, name="retry")


def list_(
    account: OfAccount,
    status: Status = None,
    category: OfCategory = None,
    flow: OfFlow = None,
    connection: OfConnection = None,
    event: OfEvent = None,
    words: Words = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many items to list at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List the items of the Retry Queue: those that wait first, then those that failed, then those that are done."""
    with in_account(account) as account_row:
        from heliograph.api.documents.retry_documents import RetryItemDocument  # noqa: PLC0415
        from heliograph.deliveries.account_reader import account_reader  # noqa: PLC0415
        from heliograph.retry.retry_queue import RetryQueue  # noqa: PLC0415

        with account_reader(account_row.pk) as reader:
            retry_filter = _filter(account_row, reader, status, category, flow, connection, event, words)
            queue = RetryQueue(reader)
            documents = [RetryItemDocument.from_item(item) for item in queue.page(retry_filter, None, size=limit).rows]
            matching, counts = queue.count(retry_filter), queue.counts()
        if as_json:
            print_documents(documents)
            return
        rows = [
            (
                each.id,
                each.status,
                each.category or "",
                each.event,
                each.registration.code if each.registration else "",
                each.flow.name,
                each.connection.name if each.connection else "",
                each.reason,
            )
            for each in documents
        ]
        if rows:
            print_table(("Item", "Status", "Category", "Event", "Registration", "Flow", "Connection", "Reason"), rows)
        of_them = f", {len(rows):,} of them above" if matching.is_more or matching.number > len(rows) else ""
        in_all = ", ".join(f"{name} {_number(count)}" for name, count in counts.items())
        print_text(f"Matching: {_number(matching)}{of_them}. In the queue: {in_all}.")


def show(
    item: Annotated[str, typer.Argument(help="The item's id, such as a12 or r34.")],
    account: OfAccount,
    as_json: Json = False,
) -> None:
    """Show an item, or any other action: what is wrong, what cures it, what happens next, and each attempt."""
    with in_account(account) as account_row:
        from heliograph.api.documents.retry_documents import RetryItemStory  # noqa: PLC0415
        from heliograph.deliveries.account_reader import account_reader  # noqa: PLC0415
        from heliograph.retry.item_details import details  # noqa: PLC0415

        with account_reader(account_row.pk) as reader:
            row = details(reader, item)
            if row is None:
                raise CommandError(f"There is no item {item} in {account_row.code}.")
            story = RetryItemStory.from_details(row, reader)
            if as_json:
                print_documents(story)
                return
            _say_story(story, row, reader)


def _say_story(story: RetryItemStory, row: Details, reader: AccountReader) -> None:
    from heliograph.accounts.names_of_users import names_of_users  # noqa: PLC0415
    from heliograph.deliveries.delivery_words import saved_by  # noqa: PLC0415
    from heliograph.web.templatetags.moments import moment  # noqa: PLC0415

    person, by = story.registration, saved_by(row.by, names_of_users(reader.account, [row.by])) if row.by else ""
    facts = [
        ("Status", story.status),
        ("Category", story.category or ""),
        ("Registration", f"{person.code} {person.name}".strip() if person else ""),
        ("Event", story.event),
        ("Flow", f"{story.flow.name}, version {story.flow_version}"),
        ("Connection", story.connection.name if story.connection else ""),
        ("Goes now to", story.goes_to.name if story.goes_to and story.goes_to != story.connection else ""),
        ("Made in", story.mode),
        ("Change", " ".join(filter(None, (f"{story.change}:", story.what, moment(story.changed_at), by)))),
        ("Decision", story.decision),
        ("Retries", str(story.retries)),
        ("Next try", moment(story.next_try)),
        ("webhook-id", story.webhook_id),
    ]
    print_text(story.reason, story.cure, story.outlook)
    print_rows([fact for fact in facts if fact[1]])
    if row.attempts:
        print_text("Attempts:")
        print_rows(_attempts(row, reader))
    if story.alike.number > 1:
        print_text(f"{story.alike.number:,} items have this cause.")


def _attempts(row: Details, reader: AccountReader) -> list[tuple[str, ...]]:
    """A row for each attempt: when, over which connection, how it began, how it ended, and how long it took."""
    from heliograph.deliveries import delivery_words  # noqa: PLC0415
    from heliograph.domain.delivery.action import AttemptKind  # noqa: PLC0415
    from heliograph.store.instants import from_micros  # noqa: PLC0415
    from heliograph.web.templatetags.moments import moment  # noqa: PLC0415

    names, retries = reader.connection_names({attempt.connection for attempt in row.attempts}), 0
    rows: list[tuple[str, ...]] = []
    for attempt in row.attempts:
        retries += attempt.kind is AttemptKind.AUTO
        result = delivery_words.answered(attempt.status) if attempt.status else attempt.message or "Its details are no longer stored."
        rows.append(
            (
                moment(from_micros(attempt.at)),
                names.get(attempt.connection, ""),
                delivery_words.attempt_name(attempt, retries),
                delivery_words.attempt_state(attempt.state)[1],
                result,
                f"{delivery_words.milliseconds(attempt.took):,} ms",
            )
        )
    return rows


def submit(
    account: OfAccount,
    items: Annotated[list[str] | None, typer.Argument(help="Ids of items, such as a12 r34.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Submit all items that match the filters, as a job; without filters, all items.")
    ] = False,
    status: Status = None,
    category: OfCategory = None,
    flow: OfFlow = None,
    connection: OfConnection = None,
    event: OfEvent = None,
    words: Words = None,
    as_it_was: Annotated[
        bool, typer.Option("--as-it-was", help="Send the given items with the mapping of their last attempt. Default: with today's.")
    ] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Submit items to the front of their connections' queues: those that are given, or all that match. Exit code 1 if any was refused."""
    filters = (status, category, flow, connection, event, words)
    if bool(items) is every:
        raise typer.BadParameter("give ids of items, or --all")
    if items and any(each is not None for each in filters):
        raise typer.BadParameter("filters go with --all, not with ids")
    if every and as_it_was:
        raise typer.BadParameter("--as-it-was goes with ids, not with --all")
    with in_account(account) as account_row:
        if items:
            _submit_items(account_row, items, as_it_was=as_it_was, as_json=as_json)
            return
        from heliograph.api.documents.job_documents import JobDocument  # noqa: PLC0415
        from heliograph.deliveries.account_reader import account_reader  # noqa: PLC0415
        from heliograph.jobs.models import JobState  # noqa: PLC0415
        from heliograph.retry import submit_job  # noqa: PLC0415
        from heliograph.retry.queue_operations import items_to_submit  # noqa: PLC0415

        with account_reader(account_row.pk) as reader:
            retry_filter = _filter(account_row, reader, *filters)
        job = submit_job.start(items_to_submit(account_row.pk, retry_filter), "submit", by=BY)
        if not no_wait:
            job = watch_job(job, as_json=as_json)
        if as_json:
            print_documents(JobDocument.of_job(job))
        else:
            _say_job(job)
        if job.state not in (JobState.DONE, JobState.QUEUED) or job.counts.get("left"):
            raise typer.Exit(1)


def _submit_items(account: Account, items: list[str], *, as_it_was: bool, as_json: bool) -> None:
    from heliograph.api.documents.retry_documents import SubmittedItems  # noqa: PLC0415
    from heliograph.deliveries import delivery_operations  # noqa: PLC0415

    if len(items) > delivery_operations.AT_ONCE:
        raise CommandError(f"At most {delivery_operations.AT_ONCE} items can be given. Use --all with filters.")
    result = delivery_operations.submit(account.pk, items, as_it_was=as_it_was)
    if as_json:
        print_documents(SubmittedItems.from_result(result))
    else:
        print_text(f"Submitted: {len(result.done):,}.", *(f"{key}: {reason}" for key, reason in result.refused.items()))
    if result.refused:
        raise typer.Exit(1)


def _say_job(job: Job) -> None:
    from heliograph.jobs.models import JobState  # noqa: PLC0415

    if job.state == JobState.QUEUED:
        print_text(f"Job {job.pk} begins. heliograph jobs show {job.pk}")
        return
    print_text(
        f"Submitted: {job.counts.get('done', 0):,}.", *(f"{count:,}: {reason}" for reason, count in job.result.get("reasons", {}).items())
    )
    if job.state != JobState.DONE:
        print_text(f"Job {job.pk} is {job.state}.", job.error, f"heliograph jobs resume {job.pk}")


def _filter(
    account: Account,
    reader: AccountReader,
    status: StatusName | None,
    category: Category | None,
    flow: str | None,
    connection: str | None,
    event: str | None,
    words: str | None,
) -> RetryFilter:
    """The filter, as the queue takes it. Raises CommandError for a name that the account does not have."""
    from heliograph.retry.retry_items import RetryFilter, StatusChoice  # noqa: PLC0415

    chosen = StatusChoice(status.value) if status else None
    return RetryFilter(
        statuses=chosen.statuses if chosen else (),
        category=category,
        flow=None if flow is None else find_flow(reader, flow),
        event=None if event is None else find_event(reader, event),
        connection=None if connection is None else find_connection(account, connection),
        text=(words or "").strip(),
        untagged=chosen.untagged if chosen else None,
    )


def _number(count: ListCount) -> str:
    return f"{'more than ' if count.is_more else ''}{count.number:,}"
