"""The response rules of connections (C7)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, ClassVar, Final

import msgspec
from dmr import Body, Path, Query, modify
from dmr.routing import path

from heliograph.api.api_problems import Problem
from heliograph.api.documents.rule_documents import (
    AnswerPlace,
    EffectDocument,
    OfferedDocument,
    RuleDocument,
    RuleProposalRequest,
    RuleTrial,
    at_members,
)
from heliograph.api.documents.shared_forms import Confirmation, number_of
from heliograph.api.endpoints.connection_endpoints import ConnectionController, ConnectionPath
from heliograph.api.list_answers import Items, ListQuery, all_of
from heliograph.api.token_access import READ, READ_SET_UP, SET_UP, SET_UP_AND_READ
from heliograph.connections import answers
from heliograph.connections.answers import Logged, NoAnswer
from heliograph.connections.services.connections import connection_row, save_rule
from heliograph.domain.connection.connection import Connection
from heliograph.domain.connection.response_rule import Rule
from heliograph.domain.mapping.paths import ABSENT
from heliograph.store.database import Database
from heliograph.store.django_database import read_database


class AnswerQuery(ListQuery):
    """The parameters of the list of answers."""

    q: Annotated[str, msgspec.Meta(description="Only to registrations with these words in code or name.")] = ""


class RuleController(ConnectionController):
    """What the endpoints of response rules share."""

    def rule_of(self, id: int) -> Rule:
        """The rule of a connection. Raises NotThere."""
        return Connection.from_body(connection_row(id).body).rule

    def logged(self, db: Database, id: int, place: AnswerPlace) -> Logged:
        """A logged answer of the connection. Raises Problem (400) if there is none."""
        try:
            return answers.read_logged_of(db, self.account.pk, id, *place.numbers)
        except NoAnswer as error:
            raise Problem.from_field("answer", str(error)) from None


class RuleOfConnection(RuleController):
    """The response rule of a connection."""

    access: ClassVar = {"GET": READ, "PUT": SET_UP, "DELETE": SET_UP}
    has_etag: ClassVar = True

    def get(self, parsed_path: Path[ConnectionPath]) -> RuleDocument:
        """Read the response rule of a connection."""
        return RuleDocument.from_rule(self.rule_of(number_of(parsed_path.connection)))

    def put(self, parsed_path: Path[ConnectionPath], parsed_query: Query[Confirmation], parsed_body: Body[RuleDocument]) -> RuleDocument:
        """Replace the response rule of a connection. Paths are JSONPath or JSON Pointer. Asks first if one is in none of the newest answers."""
        id = number_of(parsed_path.connection)
        connection_row(id)
        with at_members():
            rule = answers.parse_rule(parsed_body.body)
        if not parsed_query.confirmed:
            with read_database() as db:
                answers.check_matched(db, self.account.pk, id, rule)
        with self.saving() as transaction:
            save_rule(transaction, id, [clause.to_body() for clause in rule])
        return RuleDocument.from_rule(rule)

    @modify(status_code=HTTPStatus.NO_CONTENT)
    def delete(self, parsed_path: Path[ConnectionPath]) -> None:
        """Delete the response rule of a connection. From then on the status of an answer decides again."""
        with self.saving() as transaction:
            save_rule(transaction, number_of(parsed_path.connection), [])


class AnswersOfConnection(RuleController):
    """The logged answers of a connection."""

    access: ClassVar = {"GET": READ_SET_UP}

    def get(self, parsed_path: Path[ConnectionPath], parsed_query: Query[AnswerQuery]) -> Items[OfferedDocument]:
        """List the newest answers of a connection on which a rule can be tried, at most 100; older ones are found by their registration."""
        id = number_of(parsed_path.connection)
        connection_row(id)
        with read_database() as db:
            return all_of(answers.newest_answers(db, self.account.pk, id, parsed_query.q), OfferedDocument.from_answer)


class TrialOfRule(RuleController):
    """Trying a rule."""

    access: ClassVar = {"POST": SET_UP_AND_READ}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[ConnectionPath], parsed_body: Body[RuleTrial]) -> EffectDocument:
        """Try a rule, saved or not, on a logged answer or on a pasted one. Nothing is saved."""
        id = number_of(parsed_path.connection)
        rule = self.rule_of(id)
        if not isinstance(parsed_body.clauses, msgspec.UnsetType):
            with at_members():
                rule = answers.parse_rule(RuleDocument(clauses=parsed_body.clauses).body)
        with read_database() as db:
            match parsed_body:
                case RuleTrial(answer=AnswerPlace() as place, pasted=None):
                    response = self.logged(db, id, place).response
                case RuleTrial(answer=None, pasted=pasted) if pasted is not None:
                    response = pasted.response
                case _:
                    raise Problem.from_field("answer", "Send either `answer` or `pasted`.", name="request")
            return EffectDocument.from_effect(answers.effect_of(rule, response, db.now()), is_json=response.json is not ABSENT)


class ProposalOfRule(RuleController):
    """Making a rule from an answer."""

    access: ClassVar = {"POST": SET_UP_AND_READ}
    takes_key: ClassVar = False

    @modify(status_code=HTTPStatus.OK)
    def post(self, parsed_path: Path[ConnectionPath], parsed_body: Body[RuleProposalRequest]) -> RuleDocument:
        """Propose clauses by which a logged answer, and those like it, count as delivered or failed. Nothing is saved."""
        id = number_of(parsed_path.connection)
        connection_row(id)
        with read_database() as db:
            self.logged(db, id, parsed_body.answer)
            _connection, body = answers.propose_rule(db, self.account.pk, *parsed_body.answer.numbers, parsed_body.then)
        return RuleDocument.from_rule(answers.parse_rule(body))


ROUTES: Final = [
    path("connections/<str:connection>/rule", RuleOfConnection.as_view()),
    path("connections/<str:connection>/rule/trial", TrialOfRule.as_view()),
    path("connections/<str:connection>/rule/proposal", ProposalOfRule.as_view()),
    path("connections/<str:connection>/answers", AnswersOfConnection.as_view()),
]
