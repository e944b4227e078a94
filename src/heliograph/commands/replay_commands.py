"""`heliograph replay`: dry runs and replays from the command line (guide: Replaying a Flow; Y1)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from heliograph.commands.operator_output import (
    NoWait,
    OfAccount,
    Watched,
    find_event,
    find_flow,
    in_account,
    not_empty,
    print_documents,
    print_rows,
    print_text,
    watch,
)
from heliograph.commands.setup_commands import BY, Json
from heliograph.domain.delivery.replay import ReplayVerdict

if TYPE_CHECKING:
    from heliograph.replay.replays import ReplayState, SentCounts

Id = Annotated[int, typer.Argument(help="The replay's number.")]


class SendName(StrEnum):
    """The verdicts whose lines can be sent."""

    NEW = ReplayVerdict.NEW.value
    DIFFERENT = ReplayVerdict.DIFFERENT.value
    SAME = ReplayVerdict.SAME.value


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Replays: a dry run says what would be sent; then start, watch or cancel it.", no_args_is_help=True)
    group.command("dry-run")(dry_run)
    group.command("start")(start)
    group.command("watch")(watch_)
    group.command("cancel")(cancel)
    app.add_typer(group, name="replay")


def dry_run(
    flow: Annotated[str, typer.Argument(help="The flow's name or id.")],
    account: OfAccount,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="The first day, in the account's time zone: 2027-01-31.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="The last day. Dates, an event, or both are needed.")
    ] = None,
    event: Annotated[str | None, typer.Option("--event", help="Only changes of this event: its code.")] = None,
    words: Annotated[
        str | None, typer.Option("--words", callback=not_empty, help="Words of the registration's code, name or organization.")
    ] = None,
    status: Annotated[
        str | None, typer.Option("--status", callback=not_empty, help="The name of the status that the registration has today.")
    ] = None,
    every: Annotated[
        bool,
        typer.Option("--every", help="Every matching change of a registration. Default: the latest, enough where a record is updated."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Also what was recorded without sending, such as a quiet import.")] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Say what a replay of a flow would send, by its rules of today. Nothing is sent. `heliograph serve` runs the dry run."""
    with in_account(account) as account_row:
        from django.utils import timezone  # noqa: PLC0415

        from heliograph.deliveries.account_reader import account_reader  # noqa: PLC0415
        from heliograph.replay import replays  # noqa: PLC0415
        from heliograph.replay.selection import SelectionFacts, selection_of  # noqa: PLC0415

        with account_reader(account_row.pk) as reader:
            facts = SelectionFacts(
                since.date() if since else None,
                until.date() if until else None,
                None if event is None else find_event(reader, event),
                (words or "").strip(),
                status or "",
                every=every,
                quiet=quiet,
            )
            flow_id = find_flow(reader, flow)
            selection = selection_of(reader, facts, timezone.get_current_timezone(), reader.db.now())
        made = replays.create(account_row.pk, flow_id, selection, by=BY)
        _say(account_row.pk, made.pk, account, wait=not no_wait, as_json=as_json)


def start(
    replay: Id,
    account: OfAccount,
    send: Annotated[list[SendName], typer.Option(help="Which lines of the dry run are sent; several times for several.")],
    reason: Annotated[str, typer.Option(help="Why. Recorded in the audit log.")],
    rate: Annotated[int, typer.Option(help="Actions a minute, at most.")] = 600,
    as_json: Json = False,
) -> None:
    """Begin to send the chosen lines of a dry run, behind live traffic."""
    with in_account(account) as account_row:
        from heliograph.replay import replays  # noqa: PLC0415
        from heliograph.replay.selection import ReplayChoice  # noqa: PLC0415
        from heliograph.setup.services.setup_save import acting  # noqa: PLC0415

        choice = ReplayChoice(frozenset(ReplayVerdict(name.value) for name in send))
        with acting(account_row.pk):
            replays.start(account_row.pk, replay, choice, rate, reason, by=BY)
        _say(account_row.pk, replay, account, wait=False, as_json=as_json)


def watch_(replay: Id, account: OfAccount, as_json: Json = False) -> None:
    """Show the progress of a dry run or a replay until its end. Ctrl-C leaves it running (exit code 130). Exit code 1 if it failed."""
    with in_account(account) as account_row:
        _say(account_row.pk, replay, account, wait=True, as_json=as_json)


def cancel(replay: Id, account: OfAccount, as_json: Json = False) -> None:
    """Cancel a replay: it adds nothing more, and what is not delivered ends as Failed. Of a dry run: stop it."""
    with in_account(account) as account_row:
        from heliograph.replay import replays  # noqa: PLC0415

        if replays.find(account_row.pk, replay).send is None:
            replays.stop_check(account_row.pk, replay)
        else:
            replays.cancel(account_row.pk, replay, by=BY)
        _say(account_row.pk, replay, account, wait=False, as_json=as_json)


def _read(account: int, replay: int) -> tuple[ReplayState, SentCounts | None]:
    """A replay, and the counts of its sent lines, which are None before its start. Raises NotThere."""
    from heliograph.replay import replays  # noqa: PLC0415
    from heliograph.store.django_database import read_database  # noqa: PLC0415

    state = replays.find(account, replay)
    with read_database() as db:
        return state, replays.sent_counts(db, state) if state.send is not None else None


def _say(account: int, replay: int, code: str, *, wait: bool, as_json: bool) -> None:
    """Prints a replay; at its end if `wait`. Exits with 1 if it has failed."""
    from heliograph.api.documents.replay_documents import ReplayProgress  # noqa: PLC0415
    from heliograph.deliveries.account_reader import account_reader  # noqa: PLC0415
    from heliograph.replay.replays import Stage  # noqa: PLC0415

    hint = f"heliograph replay watch {replay} --account {code}"
    state, counts = _read(account, replay)
    if wait and not _is_over((state, counts)):
        typer.echo(f"Replay {replay}. `heliograph serve` runs it; Ctrl-C leaves it running.", err=as_json)
        state, counts = watch(Watched(lambda: _read(account, replay), _progress, _is_over), goes_on=hint, as_json=as_json)
    if as_json:
        with account_reader(account) as reader:
            print_documents(ReplayProgress.from_progress(state, reader.config, counts))
    else:
        _say_state(state, counts, code, hint)
    if state.stage in (Stage.FAILED, Stage.CHECK_STOPPED) and wait:
        raise typer.Exit(1)


def _is_over(read: tuple[ReplayState, SentCounts | None]) -> bool:
    """Whether a person has to act, or nothing more happens. When a replay is done, actions that it has added may still be on their way."""
    from heliograph.replay.replays import Stage  # noqa: PLC0415

    state, counts = read
    if state.stage is Stage.DONE:
        return counts is None or not counts.pending
    return state.stage not in (Stage.CHECKING, Stage.WAITING, Stage.SENDING)


def _progress(read: tuple[ReplayState, SentCounts | None]) -> str:
    from heliograph.jobs.page import after_progress, how_far  # noqa: PLC0415
    from heliograph.replay.replays import Stage  # noqa: PLC0415

    state, counts = read
    if state.send is None or counts is None:
        return how_far(state.check)
    progress = f"{counts.ended:,} of {counts.chosen:,}"
    return after_progress(progress, state.send) if state.stage is Stage.WAITING else progress


def _say_state(state: ReplayState, counts: SentCounts | None, code: str, hint: str) -> None:
    from heliograph.replay.replay_words import SAYS, STAGES, VERDICTS  # noqa: PLC0415
    from heliograph.replay.replays import Stage  # noqa: PLC0415

    row = state.replay
    print_text(f"Replay {row.pk} of {row.flow_name}: {STAGES[state.stage]}", (state.send.error if state.send else "") or state.check.error)
    if counts is not None:
        print_rows(
            [(name.replace("_", " "), f"{getattr(counts, name):,}") for name in (*counts.__slots__, "pending") if getattr(counts, name)]
        )
    elif state.stage is Stage.CHECKED:
        print_rows([(VERDICTS[verdict], f"{count:,}", SAYS[verdict]) for verdict, count in state.verdicts.items()])
        print_text(*(f"{count:,}: {problem}" for problem, count in state.check.result.get("problems", ())))
        if any(count for verdict, count in state.verdicts.items() if verdict.is_sent):
            print_text(f"To send: heliograph replay start {row.pk} --account {code} --send new --send different --reason …")
    if not _is_over((state, counts)):
        print_text(f"To watch: {hint}")
