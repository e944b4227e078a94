"""Forms whose URLs may contain source fields (C2)."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import QueryDict

from heliograph.accounts.roles import AccountRequest
from heliograph.deliveries.account_reader import account_reader
from heliograph.domain.setup.fields import Subject
from heliograph.setup.source_fields import SourceFields
from heliograph.web.field_names import field_label, standard_name
from heliograph.web.form_fields import Hidden, UrlLine
from heliograph.web.forms import Form
from heliograph.web.shown_fields import Choice

type Groups = Sequence[tuple[str, Sequence[Choice]]]
"""Source fields, by group."""


class UrlForm(Form):
    """A form with URLs. A button inserts a source field into a URL, so no script is needed."""

    do = Hidden()

    def insert(self) -> bool:
        """Appends the chosen source field to the URL whose button was pressed. Returns False if none of these buttons was pressed."""
        do = self.posted["do"]
        name = do.removeprefix("insert:")
        if name == do:
            return False
        chosen = self.data.get(f"{name}-field", "")
        if chosen and isinstance(self.fields.get(name), UrlLine):
            assert isinstance(self.data, QueryDict)
            changed = self.data.copy()
            changed[name] = f"{changed.get(name, '')}{{{chosen}}}"
            self.data = changed
        return True


def url_fields(request: AccountRequest) -> Groups:
    """The source fields that a URL may contain."""
    with account_reader(request.account.pk) as reader:
        groups = SourceFields.from_config(reader.config, Subject.REGISTRATION).groups
    return [
        (standard_name(group.value), [Choice(field.key, field_label(field.key, field.label)) for field in fields])
        for group, fields in groups.items()
    ]
