"""Tags of one kind in a chip input: offered and posted as labels, separated by semicolons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.domain.natural_order import natural_order
from heliograph.domain.setup.tag_kinds import Tag, TagKind
from heliograph.setup.name_fields import folded
from heliograph.web.form_fields import Chips, Select
from heliograph.web.forms import Form
from heliograph.web.shown_fields import Choice

SEPARATOR = "; "


@dataclass(frozen=True, slots=True)
class Typed:
    """The text of a chip input, as read."""

    ids: tuple[int, ...]
    """The tags, in order."""
    error: str = ""
    """Why the text cannot be saved; "" if it can."""


class TagChoices:
    """The tags that objects of one kind may have. If two tags share a label, the name is shown after it."""

    def __init__(self, tags: Mapping[int, Tag], kind: TagKind, *, standard: bool = False) -> None:
        """standard: includes the tags of the standard properties, which only flows name (P4)."""
        usable = [tag for tag in tags.values() if (tag.id > 0 or standard) and kind in tag.kinds]
        shared = Counter(folded(tag.label) for tag in tags.values() if tag.id > 0)
        self._all = tags
        self.label_by_id = {tag.id: _label_of(tag, twice=shared[folded(tag.label)] > 1) for tag in usable}
        self._ids = {folded(tag.name): tag.id for tag in usable} | {folded(text): id for id, text in self.label_by_id.items()}

    @property
    def options(self) -> list[Choice]:
        """Choices for a select or a datalist, by label."""
        return [Choice(str(id), text) for id, text in sorted(self.label_by_id.items(), key=lambda pair: natural_order(pair[1]))]

    def labels(self, ids: Iterable[int]) -> list[str]:
        """The labels of these tags, including those no longer available for the kind."""
        labels = [self.label_by_id.get(id) or (self._all[id].label if id in self._all else "") for id in ids]
        return sorted((text for text in labels if text), key=natural_order)

    def text(self, ids: Iterable[int]) -> str:
        """The value of a chip input with these tags."""
        return SEPARATOR.join(self.labels(ids))

    def read(self, text: str) -> Typed:
        """Parses tags by label or name, ignoring case."""
        words = [word.strip() for word in text.split(";") if word.strip()]
        tag_ids = dict.fromkeys(self._ids[folded(word)] for word in words if folded(word) in self._ids)
        unknown = [word for word in words if folded(word) not in self._ids]
        if not unknown:
            return Typed(tuple(tag_ids))
        some = ", ".join(str(choice.label) for choice in self.options[:8]) or _("none yet")
        message = _("The tag “%(tag)s” can’t be used for these. Choose from: %(tags)s.") % {"tag": unknown[0][:100], "tags": some}
        return Typed(tuple(tag_ids), message)


def _label_of(tag: Tag, *, twice: bool) -> str:
    label = tag.label.replace(";", ",")
    return f"{label} ({tag.name.replace(';', ',')})" if twice else label


class TagChips(Chips):
    """The tags of an object, by label. Cleaned: their ids. The form sets the choices by `offer`."""

    def __init__(self) -> None:
        super().__init__(gettext_lazy("Tags"), optional=True, placeholder=gettext_lazy("Add a tag"), glue=gettext_lazy("and"))
        self.choices = TagChoices({}, TagKind.EVENT)

    def clean(self, value: Any) -> tuple[int, ...]:
        typed_tags = self.choices.read(super().clean(value))
        if typed_tags.error:
            raise ValidationError(typed_tags.error)
        return typed_tags.ids


class OneTag(Select):
    """The one tag of a question. Cleaned: its id as text, "" for none; the service refuses anything that is not a tag for questions."""

    def __init__(self) -> None:
        super().__init__(gettext_lazy("Tag"), placeholder=gettext_lazy("No tag"), any_value=True)


def offer(form: Form, name: str, choices: TagChoices) -> None:
    """Sets the tags that a field offers."""
    field = form.fields[name]
    if isinstance(field, TagChips):
        field.choices = choices
    form.say(name, options=choices.options)
