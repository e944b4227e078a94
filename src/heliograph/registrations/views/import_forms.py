"""The forms of the import wizard: the file, its columns, what to create with it (I1, I4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.domain.flow.account_config import AccountConfig
from heliograph.domain.setup.statuses import StatusClass
from heliograph.jobs.models import Job
from heliograph.registrations.imports.encodings import OFFERED
from heliograph.registrations.imports.file_reader import CSV, NDJSON, XLSX, Format
from heliograph.registrations.imports.missing_setup import QUESTIONS, STATUSES, Lack
from heliograph.registrations.imports.name_corrections import NameCorrection
from heliograph.registrations.imports.setup_choice import SetupChoice as Chosen
from heliograph.registrations.imports.setup_creation import TAG_KINDS
from heliograph.registrations.imports.uploads import Sheet, creatable
from heliograph.registrations.views.lack_groups import CorrectionGroup, LackGroup
from heliograph.setup.views.tag_chips import TagChoices
from heliograph.web.form_fields import LONGEST_TEXT, OptionSource, Select, TextLine, Ticks
from heliograph.web.forms import Form, RowForm
from heliograph.web.shown_fields import Choice, FormField, Pair

SHOWN = 200
"""Missing names shown per page."""
READ = "read"
"""The button that reads the file differently."""
IMPORT = "import"
"""The button that starts the import; any other tries again."""
SEPARATORS = {",": gettext_lazy("Commas"), ";": gettext_lazy("Semicolons"), "\t": gettext_lazy("Tabs"), "|": gettext_lazy("Vertical bars")}
POSTED = {"\t": "tab"}
"""Separators that a form cannot post literally."""


class RowEventForm(Form):
    """The event of rows without one."""

    def __init__(self, events: OptionSource, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self.fields["event"] = Select(
            gettext_lazy("Event"),
            options=events,
            placeholder=gettext_lazy("Use the file’s Event column"),
            help=gettext_lazy("Used for rows without an event."),
        )


class UploadForm(RowEventForm):
    """A file. An empty one is refused like any other that cannot be read."""

    file = forms.FileField(required=False, allow_empty_file=True)


class ColumnsForm(RowEventForm):
    """The target of each column: c-1, c-2, and so on."""

    def __init__(self, sheet: Sheet, events: OptionSource, *args: Any, **given: Any) -> None:
        super().__init__(events, *args, **given)
        self.columns = [f"c-{n}" for n, _column in enumerate(sheet.columns, start=1)]
        for name, column in zip(self.columns, sheet.columns, strict=True):
            self.fields[name] = TextLine(longest=LONGEST_TEXT, strip=False, initial=column.target)

    @property
    def targets(self) -> list[str]:
        """The chosen targets, which the service validates."""
        return [self.cleaned_data[name] for name in self.columns]


class ReadingForm(Form):
    """How to read the file."""

    pairs = (("encoding", "separator"),)

    do = TextLine()
    encoding = Select(gettext_lazy("Encoding"), options=[Choice(name, label) for name, label in OFFERED.items()], any_value=True)
    separator = Select(
        gettext_lazy("Separated by"), options=[Choice(POSTED.get(sign, sign), name) for sign, name in SEPARATORS.items()], any_value=True
    )
    sheet = TextLine(gettext_lazy("Sheet"), autocomplete="off")

    @classmethod
    def fields_of(cls, form: Format) -> list[FormField | Pair]:
        """The settings available for a file in this format."""
        reading_form = cls(
            initial={"encoding": form.encoding, "separator": POSTED.get(form.separator, form.separator), "sheet": form.sheet}
        )
        names = {XLSX: ("sheet",), NDJSON: ("encoding",), CSV: ("encoding", "separator")}.get(form.kind, ("encoding",))
        return reading_form.draw_fields(*names)


class DryRunForm(Form):
    """The numbers of the things that the import creates, and whether flows act on it, which has no default."""

    create = Ticks()
    use = TextLine()
    """The number of the missing name in whose place the name that was meant is used: a typing error."""
    undo = TextLine()
    """The number of the corrected name that is used as it stands in the file again."""
    quiet = Select(options=[Choice("0", ""), Choice("1", "")])
    do = TextLine()

    @property
    def sends(self) -> bool | None:
        """Whether flows act on the import; None if that was not chosen."""
        return {"0": True, "1": False}.get(str(self["quiet"].value()))

    @property
    def begins(self) -> bool:
        """Whether the form starts the import; otherwise it starts another dry run."""
        return bool(self.cleaned_data["do"] == IMPORT)


class LackForm(RowForm):
    """One missing name: its tags, and for a status its class."""

    tags = TextLine(longest=LONGEST_TEXT)

    def __init__(self, lack: Lack, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        classes = [Choice(c.value, c.value) for c in StatusClass] if lack.kind == STATUSES else []
        self.fields["class"] = Select(options=classes)


@dataclass(frozen=True, slots=True)
class DryRunForms:
    """The form of a dry run, with a row for each missing name on the page."""

    form: DryRunForm
    groups: Sequence[LackGroup]
    """All missing names, also those beyond the page."""
    rows: list[LackForm]
    tags: Mapping[str, TagChoices]
    """The tags to choose from, by kind of missing thing."""
    config: AccountConfig
    corrections: Sequence[NameCorrection]
    """Those of the last dry run."""

    @classmethod
    def build(cls, lacks: Sequence[Lack], job: Job, config: AccountConfig, data: QueryDict | None) -> DryRunForms:
        """The form with the choices of the last dry run, and guesses for the rest."""
        kinds = {lack.kind for lack in lacks}
        tags = {kind: TagChoices(config.tags, carried) for kind, carried in TAG_KINDS.items() if kind in kinds}
        before = Chosen.from_json(job.parameters["choice"])
        plan = {_key(lack): lack for lack in reversed(before.plan or ())}
        groups = LackGroup.from_lacks(lacks)

        def row(group: LackGroup) -> LackForm:
            planned = next((plan[key] for key in map(_key, group.lacks) if key in plan), group.first)
            ids = [id for name in planned.tags for id, tag in config.tags.items() if tag.name == name]
            text = tags[planned.kind].text(ids) if planned.kind in tags else ""
            initial = {"tags": text, "class": str(planned.facts.get("class", ""))}
            return LackForm(group.first, data, prefix=str(group.number), initial=initial)

        return cls(DryRunForm(data), groups, [row(group) for group in groups[:SHOWN]], tags, config, before.corrections)

    @property
    def refused(self) -> bool:
        """True if a tag is invalid."""
        return self.form.refused or any(row.refused for row in self.rows)

    def choice(self, *, administers: bool) -> Chosen:
        """The checked names, with their classes and tags, in all their events. An invalid tag becomes an error of its row."""
        ticked, plan = set(self.form.cleaned_data["create"]), []
        for place, group in enumerate(self.groups):
            row = self.rows[place] if place < SHOWN else None
            is_chosen = str(group.number) in ticked if row else not group.doubt
            if is_chosen and creatable(group.first, administers=administers):
                facts, tags = self._read_row(group.first, row)
                plan += [replace(lack, facts={**lack.facts, **facts}, tags=tags) for lack in group.lacks]
        return Chosen(plan=tuple(plan), corrections=self._corrections())

    def _read_row(self, lack: Lack, row: LackForm | None) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The class of a status and the names of the tags that were chosen in a row."""
        given = row.cleaned_data if row and row.is_valid() else {}
        facts = {"class": given["class"]} if lack.kind == STATUSES and given.get("class") else {}
        typed = self.tags[lack.kind].read(given.get("tags", "")) if lack.kind in self.tags else None
        if typed is not None and row:
            if typed.error:
                row.add_error("tags", typed.error)
            elif lack.kind == QUESTIONS and len(typed.ids) > 1:
                row.add_error("tags", _("A question has one tag."))
        return facts, tuple(self.config.tags[id].name for id in typed.ids) if typed else ()

    def _corrections(self) -> tuple[NameCorrection, ...]:
        """The corrections of the last dry run, with what this form adds or takes back."""
        undone, used = self.form.cleaned_data["undo"], self.form.cleaned_data["use"]
        groups = CorrectionGroup.from_corrections(self.corrections)
        dropped = {number for group in groups if str(group.numbers[0]) == undone for number in group.numbers}
        others = [correction for number, correction in enumerate(self.corrections) if number not in dropped]
        added = (NameCorrection.of_lack(lack) for group in self.groups[:SHOWN] if str(group.number) == used for lack in group.lacks)
        return (*others, *filter(None, added))


def same_choice(lacks: Sequence[Lack], one: Chosen, other: Chosen) -> bool:
    """Whether both create the same, with the same classes and tags, and correct the same names."""

    def created(choice: Chosen) -> list[dict[str, Any]]:
        return [lack.as_json() for lack in choice.select_lacks(lacks)]

    return created(one) == created(other) and one.corrections == other.corrections


def _key(lack: Lack) -> tuple[str, ...]:
    """Identifies a missing thing."""
    return lack.kind, lack.event, lack.parent, lack.name
