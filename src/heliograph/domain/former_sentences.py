"""Sentences of earlier releases that are still kept in the database: by them pages translate what was stored then (docs/design/languages.md)."""

from __future__ import annotations

from typing import Final

from heliograph.domain.sentence_template import gettext_noop

FORMER: Final = (
    # their values brought straight quotation marks with them
    gettext_noop("%(value)s is not an option."),
    gettext_noop("%(value)s is not known here."),
    gettext_noop("names the same %(what)s as %(first)s. Name it once."),
    gettext_noop("a RECORD of the stream %(stream)s comes before its SCHEMA"),
    gettext_noop("there is no event %(code)s."),
    gettext_noop("There is no event %(code)s."),
    gettext_noop("There is no status %(value)s in this event."),
    gettext_noop("There is no attendee type %(value)s in this event."),
    gettext_noop("There is no tag %(tag)s, which %(thing)s would have."),
    gettext_noop("This release does not know jobs of the kind %(kind)s; a newer release may have created this one."),
)
