"""The context of the mapping editor and of its read-only page (guide: Mappings; M1-M9)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_scopes import scope

from heliograph.accounts.languages import translated
from heliograph.connections import header_words
from heliograph.domain.connection.connection import ContentType, Method
from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.flow.flow import Flow
from heliograph.domain.mapping import headers
from heliograph.domain.mapping.mapping import EmptyPolicy, FixedText, MappingError, MappingKind, SourceValue
from heliograph.domain.mapping.mapping_renderer import MappingPreview
from heliograph.domain.mapping.proposals import proposals
from heliograph.domain.sentence_template import whole_sentence
from heliograph.domain.setup.fields import Subject
from heliograph.mappings import mapping_warnings as warnings
from heliograph.mappings import warning_words
from heliograph.mappings.mapping_body import FORM, HEADERS, JSON, QUERY, ways, written
from heliograph.mappings.mapping_drafts import Checked, DraftRow, MappingDraft, SampleProposal
from heliograph.mappings.mapping_subjects import Subjects, Tried
from heliograph.mappings.mapping_trial import MappingTrial, TrialChoice
from heliograph.mappings.mapping_version_words import empty_name
from heliograph.mappings.preset_starts import starts
from heliograph.mappings.unsendable_requests import UnsendableRequest
from heliograph.mappings.value_options import unlisted, value_options
from heliograph.mappings.views import mapping_rows as rows
from heliograph.mappings.views.field_list import as_json, field_list, shortened
from heliograph.mappings.views.mapping_fields import MappingForm
from heliograph.mappings.views.mapping_form import Editing, mark_of
from heliograph.mappings.views.mapping_rows import Panel, RowShown
from heliograph.setup.source_fields import SourceFields
from heliograph.store.database import Database
from heliograph.web.shown_fields import Choice

MOST_NAMED = 12
"""Most options without a row of the value map that are named."""
MOST_LOSSES = 20
"""Most places of a sample that are named because they cannot become rows completely."""
MOST_OF_PATH = 80
"""Most characters of the path of such a place."""


@dataclass
class Editor:
    """One rendering of a mapping that is being edited."""

    db: Database
    account: int
    config: AccountConfig
    editing: Editing
    id: int
    """The id of the stored mapping; 0 for a new one."""
    now: datetime
    strict: bool = False
    """Whether errors are shown as refused, because somebody tried to save. Otherwise they are shown as still to do."""
    fields: SourceFields = field(init=False)
    checked: Checked = field(init=False)
    tried: Tried = field(init=False)
    mapping_preview: MappingPreview = field(init=False)
    unsendable: list[UnsendableRequest] = field(init=False)

    def __post_init__(self) -> None:
        draft = self.editing.draft
        self.fields = SourceFields.from_config(self.config, draft.subject)
        self.checked = draft.checked(self.fields.key_of)
        self.uses = warnings.used_by(self.config, self.id) if self.id else []
        editing = self.editing
        subjects = Subjects(self.db, self.account, self.config, draft.subject)
        choice = TrialChoice(editing.key, editing.search, made_up=editing.made_up)
        trial = MappingTrial.of_mapping(subjects, self.checked.mapping, self.uses, choice, self.now)
        self.tried, self.nobody, self.mapping_preview = trial.tried, trial.is_nobody, trial.preview
        possible = ways(draft.kind)
        if editing.preview_format not in possible:
            editing.preview_format = self._usual_format() if self._usual_format() in possible else possible[0]
        self.unsendable = trial.unsendable(self.db, self.config, as_query=editing.preview_format == QUERY)

    @property
    def draft(self) -> MappingDraft:
        return self.editing.draft

    def _usual_format(self) -> str:
        """The format in which the first connection that uses the mapping sends it."""
        for _flow, destination in self.uses:
            connection = self.config.connections.get(destination.connection or 0)
            if connection is not None:
                return QUERY if connection.method is Method.GET else FORM if connection.content_type is ContentType.FORM else JSON
        return JSON

    def unsendable_words(self) -> list[tuple[str, str, str]]:
        """For each connection over which the request could not be sent: its name, a link, and the reason."""
        words = []
        for each in self.unsendable:
            connection = self.config.connections.get(each.connection)
            name = connection.name if connection else TABS[self.editing.preview_format]()
            href = reverse("connection", args=(each.connection,)) if connection else f"#show-{self.editing.preview_format}"
            words.append((name, href, f"{_(each.problem.target)} {translated(each.problem.reason)}"))
        return words

    def context(self) -> dict[str, Any]:
        """The context of the templates."""
        draft, editing = self.draft, self.editing
        shown_rows = self._rows()
        form = MappingForm(
            initial={
                "name": draft.name,
                "kind": draft.kind.value,
                "subject": draft.subject.value,
                "empty": _policy(draft.kind, draft.empty).value,
                "sample": editing.sample,
            }
        )
        form.show_errors({"name": translated(draft.errors["name"])} if self.strict and "name" in draft.errors else {})
        form.say("name", help="" if self.id else _("Make it self-explanatory, for example Lead Mapping or Contact Mapping."))
        form.say("kind", options=[Choice(kind.value, kind_name(kind), sub=KIND_SUBS[kind]()) for kind in MappingKind])
        form.say("subject", options=[Choice(subject.value, subject_name(subject)) for subject in Subject])
        form.say("empty", options=[Choice(e.value, empty_name(e, draft.kind)) for e in EmptyPolicy if _policy(draft.kind, e) is e])
        return {
            "here": "mappings",
            "form": form,
            "names": {name: form.add_prefix(name) for name in form.fields},
            "id": self.id,
            "number": draft.number,
            "typed": editing.waiting,
            "name": form.draw_field("name"),
            "errors": [translated(text) for key, text in draft.errors.items() if key != "name"] if self.strict else [],
            "refused": self.checked.error_count if self.strict else 0,
            "purpose": _purpose(draft.kind, draft.subject),
            "is_header": draft.kind is MappingKind.HEADER,
            "choices": form.draw_fields("kind", "subject"),
            "empty": form.draw_field("empty"),
            "empty_words": empty_name(draft.empty, draft.kind),
            "rows": rows.displayed(shown_rows),
            "row_count": len(shown_rows),
            "uses": [{"id": flow.id, "name": flow.name or _("Without a name"), "href": flow_href(flow.id)} for flow in self._flows()],
            "new_name": editing.new_name,
            "new_error": translated(editing.new_error) if editing.new_error else "",
            "new_types": rows.types(editing.new_type),
            "new_nested": editing.new_nested,
            "sample": self._sample(form),
            "panel_at": f"{editing.panel[0]}.{editing.panel[1]}" if editing.panel else "",
            "focus": editing.focus,
            "address_warning": warning_words.address_warning(self.config, self.uses, self.id, self.checked.mapping),
            "starts": []
            if self.id or shown_rows
            else [Choice(key, name) for key, (name, _mapping) in starts(draft.kind, draft.subject).items()],
            **self.preview_context(shown_rows),
        }

    def preview_context(self, shown_rows: list[RowShown] | None = None) -> dict[str, Any]:
        """The context of the preview, with each row's result.

        shown_rows: the rows, if they are built already
        """
        shown_rows = self._rows() if shown_rows is None else shown_rows
        invalid_rows = [row for row in shown_rows if row.validation_error]
        unsendable = self.unsendable_words()
        count = len(invalid_rows) + len(unsendable)
        whom = self.whom
        return {
            "shown_rows": shown_rows,
            "whom": whom,
            "is_made_up": self.tried.match is None,
            "key": self.tried.match.key if self.tried.match else "",
            "person": f"{self.tried.match.code} {self.tried.match.name}".strip() if self.tried.match else self.editing.search,
            "person_help": _("Its code or its name.") if self.draft.subject is Subject.EVENT else _("Code, name, organization or e-mail."),
            "person_label": PERSON_LABELS[self.draft.subject](),
            "nobody": self.nobody,
            "lacks": self.tried.lacks,
            "others": self.tried.others if self.editing.search and not self.editing.key else (),
            "problems": [(row.label, f"#row-{row.place}", row.problem) for row in invalid_rows] + unsendable,
            "problems_title": ngettext(
                "%(n)s validation error: nothing would be sent for %(whom)s",
                "%(n)s validation errors: nothing would be sent for %(whom)s",
                count,
            )
            % {"n": count, "whom": whom},
            "problems_short": ngettext("%(n)s validation error", "%(n)s validation errors", count) % {"n": count},
            "shown": self.editing.preview_format,
            "tabs": [(how, TABS[how](), how == self.editing.preview_format) for how in ways(self.draft.kind)],
            "body": written(self.mapping_preview.rendered, self.editing.preview_format) or [[]],
            "body_label": TABS[self.editing.preview_format](),
            "body_note": self._preview_note(),
            "field_data": as_json(field_list(self.fields, self.tried.facts, self.tried.zone)),
        }

    @property
    def whom(self) -> str:
        """The name of the registration or event with which the mapping is tried, for sentences."""
        match = self.tried.match
        return (match.name or match.code) if match else _("made-up data")

    def _flows(self) -> list[Flow]:
        return list({flow.id: flow for flow, _ in self.uses}.values())

    def _preview_note(self) -> str:
        notes = []
        if self.draft.kind is MappingKind.PAYLOAD and self.editing.preview_format in (FORM, QUERY):
            if any(row.nested for row in self.checked.mapping.rows):
                notes.append(_("A nested field is sent as a[b]."))
            if any(row.type.is_list for row in self.checked.mapping.rows):
                notes.append(_("A list is sent as repeated keys."))
        if self.editing.preview_format == HEADERS:
            notes.append(_("The connection adds its own headers."))
        if self.uses and "flow.name" in self.checked.mapping.sources:
            notes.append(_("Flow Name is shown as in %(flow)s.") % {"flow": self.uses[0][0].name})
        if self.tried.lacks:
            notes.append(_("%(whom)s has no session registration, so session fields are empty.") % {"whom": self.whom})
        return " ".join(notes)

    # --- rows

    def _rows(self) -> list[RowShown]:
        draft, editing = self.draft, self.editing
        number_of = {place: number for number, place in enumerate(self.checked.places)}
        tags = warnings.answer_tags(self.checked.mapping.sources)
        joined = warning_words.joined_by_tag(self.db, self.config, self.uses, self.checked.mapping)
        shown_rows = []
        for place, row in enumerate(draft.rows):
            parts = row.chips()
            chips = None if parts is None else tuple(
                rows.chip(part, self.fields, open=editing.panel == (place, at), sealed=draft.seals(row)) for at, part in enumerate(parts)
            )  # fmt: skip
            shown_row = RowShown(place, row, 0, row.target, chips, rows.types(row.type))
            if row.entry is not None:
                shown_row.name = _("Entry %(n)s") % {"n": row.entry + 1}
            self._mark_errors(shown_row, number_of.get(place))
            shown_row.warns += self._warnings(row, tags, joined)
            if editing.panel is not None and editing.panel[0] == place:
                shown_row.panel = self._panel(row, editing.panel)
            if editing.fields == place:
                shown_row.fields = field_list(self.fields, self.tried.facts, self.tried.zone)
            shown_rows.append(shown_row)
        return shown_rows

    def _panel(self, row: DraftRow, at: tuple[int, int]) -> Panel | None:
        """The panel of a chip, with the values that its field can have."""
        panel = rows.panel(row, at, self.fields, self.tried.facts, self.tried.zone, self.editing.map_rows)
        part = (row.chips() or ())[at[1]] if panel else None
        if panel is None or not isinstance(part, SourceValue):
            return panel
        with scope(account=self.account):
            options = value_options(part.key, self.config)
        missed = unlisted(part, options)
        unlisted_text = _("Without a row: %(values)s.") % {
            "values": ", ".join(missed[:MOST_NAMED]) + (" …" if len(missed) > MOST_NAMED else "")
        }
        return replace(panel, options=options, unlisted=unlisted_text if missed else "")

    def _warnings(self, row: DraftRow, tags: Mapping[str, int], joined: dict[int, warnings.Joined]) -> Iterator[tuple[str, str, str]]:
        """The warnings of a row: the text, and the URL and label of a link.

        tags: the tags whose answers the mapping sends, by the key of the source field
        joined: the tags whose answers are joined. Only the first chip with a tag gets the warning, so the tag is removed
        """
        # A credential belongs in the connection.
        if self.draft.seals(row):
            used = [destination.connection for _flow, destination in self.uses if destination.connection in self.config.connections]
            href = reverse("connection", args=(used[0],)) if used else reverse("connection-list")
            yield warning_words.credential_warning(row.target), href, _("Connection Setup")
        # Several questions of one event carry the same tag, so their answers are joined.
        for part in row.chips() or ():
            tag = tags.get(getattr(part, "key", ""))
            if tag is None or tag not in joined:
                continue
            answers = joined.pop(tag)
            text = warning_words.joined_warning(answers, self.config.tags[tag].label if tag in self.config.tags else "")
            yield text, reverse("questions", args=(answers.event,)), _("Questions")

    def _mark_errors(self, shown_row: RowShown, number: int | None) -> None:
        errors = " ".join(translated(whole_sentence(text)) for text in shown_row.draft.errors.values())
        if errors and self.strict:
            shown_row.refusal = errors
        elif errors:
            shown_row.todo = errors
        elif number is not None and number in self.mapping_preview.problems:
            problem = self.mapping_preview.problems[number]
            shown_row.validation_error = rows.problem_text(problem)
            shown_row.problem = f"“{problem.value}” {translated(problem.reason)}" if problem.value else translated(problem.reason)
        elif number is not None and shown_row.chips:
            value = self.mapping_preview.values[number]
            nothing = value is None and self.draft.kind is MappingKind.HEADER  # a header cannot be null
            shown_row.result = rows.result_text("" if nothing else value, left_out=number in self.mapping_preview.left_out)
            is_open_header = self.draft.kind is MappingKind.HEADER and not self.draft.seals(shown_row.draft)
            if is_open_header and isinstance(value, str) and headers.is_doubtful(value):
                shown_row.warns.append((header_words.doubtful([shown_row.draft.target]), "", ""))
        if number is not None and not shown_row.chips and not errors:
            shown_row.todo = _("No source yet: it is always empty")

    def _sample(self, form: MappingForm) -> Mapping[str, Any] | None:
        """The context of the sample's box, with the rows that the sample would add; None if the box is closed."""
        text = self.editing.sample
        if text is None:
            return None
        proposal = SampleProposal()
        error = self.editing.sample_error
        if text.strip() and not error:
            try:
                proposal = self.draft.sample(text, values=self.editing.keep_values)
            except MappingError as refused:
                error = refused.reason
        new, known = proposal.new, proposal.known
        names = ", ".join(row.target for row in known[:8])
        meant = proposals(new, self.fields.by_key.values()) if self.draft.kind is MappingKind.PAYLOAD else {}
        form.show_errors({"sample": translated(whole_sentence(error))} if error else {})
        return {
            "field": form.draw_field("sample"),
            "mark": mark_of(text) if new else "",
            "new": [
                {
                    "name": row.target,
                    "type": rows.type_name(row.type),
                    "depth": min(len(row.path) - 1, 1),
                    "key": meant.get(row.target, ""),
                    "field": self.fields.label(meant[row.target]) if row.target in meant else "",
                    "text": shortened(", ".join(part.text for part in row.parts if isinstance(part, FixedText)), 60),
                }
                for row in new
            ],
            "keep_values": self.editing.keep_values,
            "add_proposed": _("Add them with the proposed fields") if meant else "",
            "none": bool(known) and not new,
            "losses": [f"{loss.path[:MOST_OF_PATH]}: {_(loss.kind.value)}." for loss in proposal.losses[:MOST_LOSSES]],
            "more_losses": max(0, len(proposal.losses) - MOST_LOSSES),
            "known": _("Rows that stay as they are: %(names)s.") % {"names": names} if known else "",
            "add": ngettext("Add %(n)s row", "Add %(n)s rows", len(new)) % {"n": len(new)},
        }


def flow_href(id: int) -> str:
    """The URL of a flow."""
    return reverse("flow", args=(id,))


def kind_name(kind: MappingKind) -> str:
    """The name of a kind of mappings, as in the guide."""
    return {MappingKind.PAYLOAD: _("Payload"), MappingKind.HEADER: _("Http Header")}[kind]


def subject_name(subject: Subject) -> str:
    """The subject of a mapping in words."""
    return {Subject.REGISTRATION: _("Registrations"), Subject.SESSION: _("Sessions"), Subject.EVENT: _("Events")}[subject]


def _purpose(kind: MappingKind, subject: Subject) -> str:
    """ "Payload, for registrations." """
    sentences = {
        Subject.REGISTRATION: _("%(kind)s, for registrations."),
        Subject.SESSION: _("%(kind)s, for sessions."),
        Subject.EVENT: _("%(kind)s, for events."),
    }
    return sentences[subject] % {"kind": kind_name(kind)}


def _policy(kind: MappingKind, empty: EmptyPolicy) -> EmptyPolicy:
    """The policy as it works for the kind: a header cannot be null, so its policy "null" means an empty text."""
    return EmptyPolicy.KEY if kind is MappingKind.HEADER and empty is EmptyPolicy.NULL else empty


KIND_SUBS: Mapping[MappingKind, Callable[[], str]] = {
    MappingKind.PAYLOAD: lambda: _("The body, or the query of a GET"),
    MappingKind.HEADER: lambda: "",
}
TABS: Mapping[str, Callable[[], str]] = {
    JSON: lambda: _("JSON"),
    FORM: lambda: _("Form"),
    QUERY: lambda: _("Query"),
    HEADERS: lambda: _("Headers"),
}
PERSON_LABELS: Mapping[Subject, Callable[[], str]] = {
    Subject.REGISTRATION: lambda: _("For registration"),
    Subject.SESSION: lambda: _("For the last session registration of"),
    Subject.EVENT: lambda: _("For event"),
}
