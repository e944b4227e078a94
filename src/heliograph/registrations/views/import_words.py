"""The results of an import or dry run in words; and the names of its columns and of missing things."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from heliograph.accounts.languages import translated
from heliograph.accounts.names_of_users import names_of_users
from heliograph.deliveries.account_reader import account_reader
from heliograph.deliveries.actor_outcomes import MOST_CHANGES, outcomes_by_actor
from heliograph.domain.delivery.action import ActionState
from heliograph.domain.delivery.retry_policy import MINUTE
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.sentence_template import sentence_in, stored_sentence
from heliograph.domain.setup.fields import EVENT_FIELDS, PROFILE_FIELDS
from heliograph.domain.setup.tag_kinds import STANDARD_PROPERTY_NAMES
from heliograph.jobs.models import Job
from heliograph.jobs.page import JobPage, RefusedCell, RefusedRows, Sum
from heliograph.registrations.imports.columns import Column, Known
from heliograph.registrations.imports.row_problems import ACCEPTED_WORDS
from heliograph.registrations.imports.values import begins_with_year
from heliograph.store.instants import to_micros
from heliograph.web.charts import SharePart, share
from heliograph.web.field_names import standard_name
from heliograph.web.shown_fields import Choice
from heliograph.web.templatetags.moments import minute

MOST_NAMED = 5
"""Flows named in a sentence."""

MOST_ACCEPTED: Final = 8
"""Accepted values that stand in a cell; of more, the LIKELIEST do, above a list of all."""
LIKELIEST: Final = 3

_NUMBER: Final = re.compile(r"\d+(?:[.,\u00a0\u202f]\d+)*")

type Steps = list[tuple[str, str]]


def steps_of(upload: str, at: int) -> Steps:
    """The wizard's steps as (name, URL); the URL of a step is "" if one cannot return to it."""
    columns, dry = (reverse(name, args=(upload,)) if upload and at < 4 else "" for name in ("import-columns", "import-dry-run"))
    return [
        (_("Upload"), reverse("import") if at < 4 else ""),
        (_("Columns"), columns),
        (_("Dry run"), dry),
        (_("Import"), ""),
        (_("Result"), ""),
    ]


def crumbs() -> list[tuple[str, str]]:
    """The breadcrumbs."""
    return [(_("Registrations"), reverse("registrations"))]


def targets_of(known: Known) -> list[tuple[str, list[Choice]]]:
    """The possible targets of a column, in groups."""
    plain = {
        "code": _("Code"),
        "event": _("Event"),
        "status": _("Status"),
        "attendee_type": _("Attendee type"),
        "order_code": _("Order code"),
        "active": _("Is Active"),
        "modified": _("Modified"),
    }
    questions = {q.code: q.label for q in known.questions()}
    flags = {p.name: p.name for event in known.events for p in event.properties.values()}
    sessions = {s.code: s.name for event in known.events for s in event.sessions.values()}
    groups = [
        (_("Registration"), list(plain.items())),
        (_("Profile"), [(f"profile.{name}", standard_name(label)) for name, label in PROFILE_FIELDS.items()]),
        (_("Profile Data"), [(f"profile.custom.{f.code}", f.label) for f in known.account.profile_fields.values()]),
        (pgettext("to questions", "Answers"), [(f"answers.{code}", label) for code, label in questions.items()]),
        (
            _("Properties"),
            [
                *((f"properties.{name}", standard_name(name)) for name in STANDARD_PROPERTY_NAMES.values()),
                *((f"properties.{name}", name) for name in flags),
            ],
        ),
        (_("Sessions"), [(f"sessions.{code}", f"{code}: {name}") for code, name in sessions.items()]),
        (_("Event"), [(f"event.{name}", standard_name(label)) for name, label in EVENT_FIELDS.items() if name != "code"]),
    ]
    return [(group, [Choice(value, label) for value, label in choices]) for group, choices in groups if choices]


def fresh(name: str) -> list[Choice]:
    """Targets that do not exist yet, named like the column."""
    words = {
        "answers": _("A new question"),
        "properties": _("A new property"),
        "sessions": _("A new session"),
        "profile.custom": _("A new field of Profile Data"),
    }
    key = name.strip()
    return [Choice(f"{area}.{key}", label) for area, label in words.items()] if key else []


def read_as(column: Column, samples: Sequence[str]) -> str:
    """How a column's dates and lists are read; "" if that is beyond doubt, as with dates that begin with the year."""
    if column.split:
        return _("Several answers in a cell, split at “%(sign)s”") % {"sign": column.split.strip()}
    if column.target == "modified" or column.target in ("event.start", "event.end"):
        filled = [sample for sample in samples if sample.strip()]
        if filled and all(map(begins_with_year, filled)):
            return ""
        return _("Dates are read %(order)s") % {"order": _(column.date.value)}
    return ""


# --- results


def sums_of(job: Job) -> list[Sum]:
    """The job's counts, dry run or not."""
    counts: Mapping[str, Any] = job.counts
    dry = bool(job.parameters["dry_run"])
    cleared, rows_cleared = int(counts.get("cleared", 0)), int(counts.get("rows_cleared", 0))
    sub = ""
    if dry:
        some = ngettext("Empty cells clear %(n)s value in %(rows)s of them", "Empty cells clear %(n)s values in %(rows)s of them", cleared)
        sub = some % {"n": intcomma(cleared), "rows": intcomma(rows_cleared)} if cleared else _("Empty cells clear nothing")
    refused = int(counts.get("refused", 0))
    sums = [
        Sum(_("New registrations"), int(counts.get("created", 0))),
        Sum(_("Changed registrations"), int(counts.get("updated", 0)), sub),
        Sum(_("The same as stored"), int(counts.get("unchanged", 0)), _("No change is made")),
    ]
    if counts.get("stale"):
        sums.append(Sum(_("Older than what is stored"), int(counts["stale"]), _("No change is made")))
    if counts.get("erased"):
        sums.append(Sum(_("Of people who were erased"), int(counts["erased"]), _("Nothing is recorded")))
    label = _("Skipped") if dry else _("Refused")
    sums.append(Sum(label, refused, href="#refused" if refused else "", tone="failed" if refused else ""))
    return [*sums, Sum(_("Rows in the file"), int(job.result.get("rows", counts.get("rows", 0))), total=True)]


def sent_by(job: Job) -> list[Sum]:
    """What became of the deliveries of an ended import; empty for a dry run, an import without sending, and one whose records were removed since."""
    if job.parameters["dry_run"] or job.parameters["quiet"] or not job.is_over or job.started is None or job.finished is None:
        return []
    since, until = to_micros(job.started), to_micros(job.finished)
    with account_reader(job.account_id) as reader:
        if reader.removals.records_kept_since > since:
            return []
        outcomes = outcomes_by_actor(reader.db, job.account_id, f"import:{job.pk}", since, until)
    live = outcomes.live

    def feed(**chosen: str) -> str:
        """The Activity Feed of the minutes of the import."""
        minutes = {"since": str(since // MINUTE), "until": str(until // MINUTE + 1)}
        return f"{reverse('feed')}?{urlencode(minutes | chosen)}"

    delivered, waiting, failed = live[ActionState.SUCCESS], live[ActionState.QUEUED], live[ActionState.FAILED]
    sums = [
        Sum(_("Delivered"), delivered, href=feed(result="success") if delivered else ""),
        Sum(_("Waiting"), waiting, href=feed(result="failure") if waiting else "", tone="wait" if waiting else ""),
        Sum(_("Failed"), failed, href=feed(result="failure") if failed else "", tone="failed" if failed else ""),
    ]
    if pending := live[ActionState.PENDING]:
        sums.insert(1, Sum(_("Being sent"), pending, href=feed()))
    if invalid := live[ActionState.VALIDATION]:
        sums.append(Sum(_("Invalid"), invalid, href=feed(result="validation"), tone="invalid"))
    if replaced := live[ActionState.SUPERSEDED]:
        sums.append(Sum(_("Replaced by newer data"), replaced, href=feed()))
    if outcomes.undecided:
        sums.append(Sum(_("Not checked yet"), outcomes.undecided, href=reverse("retry"), tone="wait"))
    if outcomes.untagged:
        sums.append(Sum(_("Wait for a tag"), outcomes.untagged, href=f"{reverse('retry')}?status=untagged", tone="wait"))
    if outcomes.test:
        sums.append(Sum(_("By flows in Test"), outcomes.test, href=feed(mode="test")))
    total = live.total() + outcomes.untagged + outcomes.undecided + outcomes.test
    note = _("No flow acted on it.") if not total else ""
    if outcomes.is_more:
        note = _("Of the first %(n)s changes; the rest isn’t counted here.") % {"n": intcomma(MOST_CHANGES)}
    return [*sums, Sum(_("All"), total, note, href=feed() if total else "", total=True)]


def outlook_of(job: Job) -> str:
    """The heading of a dry run."""
    rows = int(job.result.get("rows", job.counts.get("rows", 0)))
    return ngettext("What the %(n)s row would do", "What the %(n)s rows would do", rows) % {"n": intcomma(rows)}


def share_of(job: Job, path: str) -> list[SharePart]:
    """What the rows of a file would do, as parts of a bar. A part leads to its rows, if the dry run lists some.

    path: the page's path
    """
    counts: Mapping[str, Any] = job.counts
    listed = {row["outcome"] for row in job.result.get("compared") or ()}
    href = {outcome: f"{path}?rows={outcome}#rows" for outcome in listed}
    cleared, rows_cleared = int(counts.get("cleared", 0)), int(counts.get("rows_cleared", 0))
    sub = ngettext("empty cells clear %(n)s value in %(rows)s of them", "empty cells clear %(n)s values in %(rows)s of them", cleared)
    unchanged, skipped = int(counts.get("unchanged", 0)), int(counts.get("refused", 0))
    parts = [
        SharePart(_("New"), int(counts.get("created", 0)), "ink", href.get("created", "")),
        SharePart(
            _("Changed"),
            int(counts.get("updated", 0)),
            "ink-2",
            href.get("updated", ""),
            sub=sub % {"n": intcomma(cleared), "rows": intcomma(rows_cleared)} if cleared else "",
        ),
        SharePart(_("The same"), unchanged, "ink-3", href.get("unchanged", ""), sub=_("no change is made") if unchanged else ""),
    ]
    if counts.get("stale"):
        parts.append(
            SharePart(_("Older than what is stored"), int(counts["stale"]), "ink-3", href.get("stale", ""), sub=_("no change is made"))
        )
    if counts.get("erased"):
        parts.append(SharePart(_("Of people who were erased"), int(counts["erased"]), "ink-3", sub=_("nothing is recorded")))
    others = sum(part.value for part in parts)
    parts.append(
        SharePart(_("Skipped"), skipped, "failed", href="#refused", sub=_("the other rows are imported") if skipped and others else "")
    )
    return share(parts)


def rows_of(job: Job, outcome: str) -> dict[str, Any] | None:
    """The rows that a dry run lists for one outcome, as the page shows them; None if it lists none."""
    rows = [row for row in job.result.get("compared") or () if row["outcome"] == outcome]
    if not rows:
        return None
    number = int(job.counts.get(outcome, 0))
    title = {
        "created": ngettext("%(n)s registration would be new", "%(n)s registrations would be new", number),
        "updated": ngettext("%(n)s registration would change", "%(n)s registrations would change", number),
        "unchanged": ngettext("%(n)s registration would stay the same", "%(n)s registrations would stay the same", number),
        "stale": ngettext("%(n)s row is older than what is stored", "%(n)s rows are older than what is stored", number),
    }[outcome]
    return {
        "title": title % {"n": intcomma(number)},
        "text": _("The first %(n)s of them, in the order of the file.") % {"n": intcomma(len(rows))} if number > len(rows) else "",
        "rows": [
            {
                "place": _place(row),
                "event": row["event"],
                "code": row["code"],
                "href": reverse("registration", args=(row["event"], row["code"])) if outcome != "created" and row["code"] else "",
            }
            for row in rows
        ],
    }


def acting_of(job: Job, config: AccountConfig) -> dict[int, int]:
    """How many times each of today's flows would act on the import, by the dry run."""
    counted: Mapping[str, int] = job.result.get("acts") or {}
    return {int(id): int(n) for id, n in counted.items() if int(id) in config.flows}


def acts_of(job: Job, config: AccountConfig) -> str:
    """How many changes flows would judge, and on how many each of today's flows would act, by the dry run. Flows deleted since are left out."""
    changes = int(job.result.get("judged", 0))
    judged = ngettext("%(n)s change is checked.", "%(n)s changes are checked.", changes) % {"n": intcomma(changes)}
    acting = sorted(((n, config.flows[id].name) for id, n in acting_of(job, config).items()), key=lambda x: (-x[0], x[1]))
    if not acting:
        return f"{judged} {_('By today’s rules no flow acts on them.')}" if changes else judged
    named = ", ".join(_("%(flow)s on %(n)s") % {"flow": name, "n": intcomma(n)} for n, name in acting[:MOST_NAMED])
    more = len(acting) - MOST_NAMED
    named += ngettext(" and %(n)d more", " and %(n)d more", more) % {"n": more} if more > 0 else ""
    acting_text = ngettext("By today’s rules %(n)d flow acts: %(named)s.", "By today’s rules %(n)d flows act: %(named)s.", len(acting))
    return f"{judged} {acting_text % {'n': len(acting), 'named': named}}"


def waits_of(job: Job) -> str:
    """How many decisions of flows would wait for a tag, by the dry run; "" for none."""
    waits = int(job.result.get("waits", 0))
    text = ngettext(
        "%(n)s time a flow would wait, because a status or another name has no tag.",
        "%(n)s times a flow would wait, because a status or another name has no tag.",
        waits,
    )
    return text % {"n": intcomma(waits)} if waits else ""


def refused_of(job: Job, path: str = "", kind: int | None = None) -> RefusedRows | None:
    """The refused rows by reason; None if there are none.

    path: the page's path, for the links that show one reason; "" for none
    kind: the number of the only reason to show; None, or one that there is not, for all
    """
    refused_count = int(job.counts.get("refused", 0))
    groups: Sequence[Mapping[str, Any]] = job.result.get("refused") or ()
    if not refused_count or not groups:
        return None
    dry = bool(job.parameters["dry_run"])
    heads = [_("Field"), _("Lines"), _("First lines"), _("Reason"), _("Would be accepted")]
    reasons = list(dict.fromkeys(str(group["reason"]) for group in groups))
    chosen = reasons[kind] if kind is not None and kind < len(reasons) else None
    rows = [_group(group, heads) for group in groups if chosen in (None, group["reason"])]
    kinds = []
    if path and len(reasons) > 1:
        kinds = [(_("All"), "", f"{path}?kind=all", chosen is None)]
        for number, reason in enumerate(reasons):
            alike = [group for group in groups if group["reason"] == reason]
            count = sum(int(group["rows"]) for group in alike)
            kinds.append((_kind(reason, alike), intcomma(count), f"{path}?kind={number}", reason == chosen))
    if dry:
        title = ngettext("%(n)s row would be skipped", "%(n)s rows would be skipped", refused_count)
        is_all = refused_count >= int(job.result.get("rows", 0))
        text = (
            _("No other row is left to import. Download these, fix them and import that file.")
            if is_all
            else _("The other rows are imported. Download these, fix them and import that file.")
        )
        download_text = _("Download the skipped rows")
    else:
        title = ngettext("%(n)s line was refused", "%(n)s lines were refused", refused_count)
        text = _("The file has them as they were, with the reason and what would be accepted. Correct them and import that file.")
        download_text = _("Download the refused lines")
    download = reverse("job-refused", args=(job.pk,)) if job.result.get("report") else ""
    return RefusedRows(title % {"n": intcomma(refused_count)}, text, heads, rows, download, download_text, kinds)


def _kind(reason: str, groups: Sequence[Mapping[str, Any]]) -> str:
    """What refused rows have in common, in words; "…" stands for the value of each row, and for numbers that differ between the rows."""
    examples = [_translated_reason(row) for group in groups for row in group["first"]]
    if "…" in reason or not examples:
        words = _translated_reason(groups[0])
    elif len(set(examples)) > 1:
        words = _NUMBER.sub("…", examples[0])
    else:
        words = examples[0]
    return words.rstrip(".")


def _translated_reason(stored: Mapping[str, Any]) -> str:
    return translated(sentence_in(stored, "reason"))


def _group(group: Mapping[str, Any], heads: Sequence[str]) -> list[RefusedCell]:
    first = list(group["first"])
    first_lines = "; ".join(f"{_place(x)}: {x['value']}" if x["value"] else _place(x) for x in first[:3])
    accepted = list(dict.fromkeys(_(text) if text in ACCEPTED_WORDS else text for x in first for text in x["accepted"]))
    return [
        RefusedCell(heads[0], group["field"] or _("The whole line")),
        RefusedCell(heads[1], intcomma(group["rows"])),
        RefusedCell(heads[2], first_lines),
        RefusedCell(heads[3], _translated_reason(first[0] if first else group)),
        RefusedCell(heads[4], ", ".join(accepted[:LIKELIEST] if len(accepted) > MOST_ACCEPTED else accepted), more=_all_of(accepted)),
    ]


def _all_of(accepted: Sequence[str]) -> tuple[str, str]:
    """(heading, list) of all accepted values where there are too many for a cell; else two empty texts."""
    if len(accepted) <= MOST_ACCEPTED:
        return "", ""
    return _("All %(n)s") % {"n": intcomma(len(accepted))}, ", ".join(accepted)


def _place(example: Mapping[str, Any]) -> str:
    """The place of a refused row: its line, and its row if a spreadsheet counts otherwise."""
    line, row = int(example["line"]), int(example["row"])
    return intcomma(line) if line == row else _("%(line)s (row %(row)s)") % {"line": intcomma(line), "row": intcomma(row)}


def job_page(job: Job) -> JobPage:
    """The page of a running or ended import."""
    sentences = zip_longest(job.result.get("created", ()), job.result.get("created_sentences", ()))
    created = [translated(stored_sentence(str(text), body)) for text, body in sentences]
    quiet_note = _("Recorded without sending.") if job.parameters["quiet"] else ""
    begun = ""
    if job.started is not None:
        who = names_of_users(job.account_id, [job.created_by]).get(job.created_by, "")
        begun = _("%(time)s, by %(name)s") % {"time": minute(job.started), "name": who} if who else minute(job.started)
    dry = bool(job.parameters["dry_run"])
    again = str(job.parameters.get("upload", ""))
    links = [(_("See the registrations"), reverse("registrations"), "primary"), (_("Import another file"), reverse("import"), "")]
    if dry and again:
        links = [(_("Continue"), reverse("import-dry-run", args=(again,)), "primary")]
    return JobPage(
        heading=_("Import"),
        lead=" ".join(part for part in (f"{job.parameters['name']}.", f"{begun}." if begun else "", quiet_note) if part),
        crumbs=crumbs(),
        label=_("Checking") if dry else _("Reading") if job.phase == "scanning" else _("Importing"),
        sums=sums_of(job) if job.phase != "scanning" else [],
        sent=sent_by(job),
        refused=refused_of(job) if job.is_over else None,
        links=links,
        note=_("Also created: %(things)s.") % {"things": ", ".join(created[:40])} if created else "",
        stop_note="" if dry else _("Imported rows stay. You can import the rest later from the same file."),
        steps=steps_of("", 4) if not dry else steps_of(again, 3),
        is_dry=dry,
    )
