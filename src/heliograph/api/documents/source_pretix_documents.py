"""Sources that read pretix as JSON (S4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import msgspec

from heliograph.api.documents.shared_forms import Document
from heliograph.domain.source.pretix import ItemUse
from heliograph.domain.source.pretix_orders import PretixState
from heliograph.setup.setup_errors import Invalid
from heliograph.sources.services.pretix_match import PretixMatch
from heliograph.sources.services.pretix_match_proposals import MatchProposals
from heliograph.sources.services.pretix_setup import PretixSetup


class PretixDocument(Document):
    """What is read from a pretix."""

    pretix: Annotated[
        dict[str, Any],
        msgspec.Meta(description="Whose orders, and what events, products, states and questions are here: docs/guide/configuration.md."),
    ]


class PretixEventDocument(Document):
    """An event of a pretix, a series of events, or one date of a series."""

    event: Annotated[
        str, msgspec.Meta(description="Its short form, as in the address of its shop. Of a date with a slash and its number: `tour/12`.")
    ]
    name: str
    starts: Annotated[str, msgspec.Meta(description="As pretix says it; empty for no time.")]
    ends: str
    series: Annotated[
        bool, msgspec.Meta(description="It has dates. As an event it stands for those of them that are not events of their own.")
    ]
    test_mode: bool
    code: Annotated[str | None, msgspec.Meta(description="The code of our event; null for one that was not chosen.")]


class PretixLookDocument(Document):
    """What a look at a pretix found."""

    new: Annotated[list[str], msgspec.Meta(description="Products and questions that came after the last match.")]
    organizer: Annotated[str, msgspec.Meta(description="The short form of the organizer whose events these are.")]
    events: list[PretixEventDocument]

    @classmethod
    def from_setup(cls, setup: PretixSetup) -> PretixLookDocument:
        """The document of a set-up."""
        codes = dict(setup.events)
        events = [
            PretixEventDocument(
                event=each.key,
                name=each.name,
                starts=each.starts,
                ends=each.ends,
                series=each.is_series,
                test_mode=each.is_test,
                code=codes.get(each.key),
            )
            for each in setup.catalogue.events
        ]
        return cls(new=list(setup.new_parts.values()), organizer=setup.catalogue.organizer, events=events)


class PretixEventChoice(Document):
    """An event of a pretix that is read."""

    event: Annotated[str, msgspec.Meta(description="As a look names it.")]
    code: Annotated[
        str, msgspec.Meta(description="The code of our event. Empty: the one that is proposed, which is created if it is not there.")
    ] = ""


class PretixEventChoices(Document):
    """The events of a pretix that are read."""

    events: list[PretixEventChoice]


Tags = Annotated[list[str], msgspec.Meta(description="Names or labels. One that is not there is created; none is taken away.")]


class StatusMatchDocument(Document):
    """The registration status for a state of orders."""

    state: PretixState
    status: str
    tags: Tags = msgspec.field(default_factory=list)


class ProductMatchDocument(Document):
    """What becomes of a product, or of one variation of it."""

    products: Annotated[
        list[str],
        msgspec.Meta(description="Numbers in pretix, with a variation as `12/5`: those of all chosen events that have this name."),
    ]
    use: ItemUse
    name: Annotated[str, msgspec.Meta(description="The name of the attendee type or session; created in each event that sells it.")] = ""
    tags: Tags = msgspec.field(default_factory=list)
    in_pretix: Annotated[str, msgspec.Meta(description="Its name there. Not read when it is sent.")] = ""


class QuestionMatchDocument(Document):
    """Where the answers to a question go."""

    question: Annotated[str, msgspec.Meta(description="Its identifier in pretix.")]
    target: Annotated[
        str,
        msgspec.Meta(
            description="`answers.` with the code or label of a question, which is created; `profile.` with a field; empty: left out."
        ),
    ]
    tag: str = ""
    in_pretix: Annotated[str, msgspec.Meta(description="Its name there. Not read when it is sent.")] = ""


class PretixMatchDocument(Document):
    """What becomes of the parts of a pretix. What is left out when it is sent becomes what is proposed."""

    statuses: list[StatusMatchDocument] = msgspec.field(default_factory=list)
    products: list[ProductMatchDocument] = msgspec.field(default_factory=list)
    questions: list[QuestionMatchDocument] = msgspec.field(default_factory=list)
    include_test_mode: Annotated[bool | None, msgspec.Meta(description="Orders of the test mode come as Test registrations.")] = None

    @classmethod
    def from_proposals(cls, proposals: MatchProposals) -> PretixMatchDocument:
        """The document of what is proposed."""
        match = proposals.match()
        return cls(
            statuses=[StatusMatchDocument(state=each.state, status=each.name, tags=list(each.tags)) for each in match.statuses],
            products=[
                ProductMatchDocument(
                    products=list(each.match.keys),
                    use=each.match.use,
                    name=each.match.name,
                    tags=list(each.match.tags),
                    in_pretix=each.theirs,
                )
                for each in proposals.proposed_items()
            ],
            questions=[
                QuestionMatchDocument(
                    question=each.match.identifier, target=each.match.target, tag=each.match.tag, in_pretix=each.proposal.theirs
                )
                for each in proposals.proposed_questions()
            ],
            include_test_mode=match.include_test_mode,
        )

    def over(self, match: PretixMatch) -> PretixMatch:
        """The proposals with what this document has in place of them. Raises Invalid for parts that the chosen events do not have."""
        statuses = {each.state: each for each in self.statuses}
        products = {key: each for each in self.products for key in each.products}
        questions = {each.question: each for each in self.questions}
        unknown = products.keys() - {key for each in match.items for key in each.keys}
        if unknown:
            raise Invalid({"products": [f"The chosen events have no product {min(unknown)}."]})
        unknown = questions.keys() - {each.identifier for each in match.questions}
        if unknown:
            raise Invalid({"questions": [f"The chosen events have no question {min(unknown)}."]})
        return PretixMatch(
            [
                replace(each, name=status.status, tags=tuple(status.tags)) if (status := statuses.get(each.state)) else each
                for each in match.statuses
            ],
            [
                replace(each, use=product.use, name=product.name, tags=tuple(product.tags))
                if (product := next((products[key] for key in each.keys if key in products), None))
                else each
                for each in match.items
            ],
            [
                replace(each, target=question.target, tag=question.tag) if (question := questions.get(each.identifier)) else each
                for each in match.questions
            ],
            include_test_mode=match.include_test_mode if self.include_test_mode is None else self.include_test_mode,
        )


class PretixWebhookDocument(Document):
    """The webhook that was set up in pretix."""

    webhook: Annotated[int | None, msgspec.Meta(description="Its id in pretix.")]
