"""Strict imitations of the presets' targets, based on the vendors' public documentation (named at each). They refuse what the vendor would
refuse.

Each is an answer for a receiver: `receiver.answer_all(Slack())`. A registrant's last name triggers the vendor's typical errors.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.receiver import Answer, Received

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


class Refusal(Exception):
    """The vendor's answer to an invalid request."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


class Vendor:
    """An imitation: `judge` answers a request; `taken` contains the accepted ones."""

    method = "POST"
    path = "/"
    content_type = JSON

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.seen: dict[str, int] = {}

    def __call__(self, request: Received) -> Answer:
        try:
            self.need(urlsplit(request.path).path == self.path, self.not_found())
            self.need(request.method == self.method, Answer(405, "Method Not Allowed"))
            self.need((request.header("content-type") or "").partition(";")[0] == self.content_type, Answer(415, "Unsupported Media Type"))
            return self.judge(request)
        except Refusal as refusal:
            return refusal.answer

    def judge(self, request: Received) -> Answer:
        raise NotImplementedError

    def need(self, is_so: bool, answer: Answer) -> None:
        if not is_so:
            raise Refusal(answer)

    def not_found(self) -> Answer:
        return Answer(404, "Not Found")

    def json(self, request: Received, answer: Answer) -> Any:
        try:
            found = json.loads(request.body.decode("utf-8"))
        except ValueError:
            raise Refusal(answer) from None
        self.need(isinstance(found, dict), answer)
        return found

    def times(self, what: str) -> int:
        """How often this arrived, including this time."""
        self.seen[what] = self.seen.get(what, 0) + 1
        return self.seen[what]


class Slack(Vendor):
    """docs.slack.dev: Sending messages using incoming webhooks; Section block; Rate limits."""

    path = "/services/T000/B000/XXXX"

    def not_found(self) -> Answer:
        return Answer(404, "no_service")

    def judge(self, request: Received) -> Answer:
        body = self.json(request, Answer(400, "invalid_payload"))
        self.need(body.keys() <= {"text", "blocks", "mrkdwn"}, Answer(400, "invalid_payload"))
        assert "blocks" in body or body.get("mrkdwn") is False, "a registrant can format the text"
        self.need(isinstance(body.get("text"), str) and bool(body["text"]), Answer(400, "no_text"))
        for block in body.get("blocks", []):
            texts = [block["text"]] if "text" in block else block.get("fields", [])
            self.need(block.get("type") == "section" and 0 < len(texts) <= 10, Answer(400, "invalid_blocks"))
            self.need(
                all(t.keys() == {"type", "text"} and t["type"] == "plain_text" and 0 < len(t["text"]) <= 2000 for t in texts),
                Answer(400, "invalid_blocks"),
            )
        assert b"<!" not in request.body, "a registrant pinged the channel"
        if "Archived" in body["text"]:
            return Answer(410, "channel_is_archived")
        if "Busy" in body["text"] and self.times("busy") == 1:
            return Answer(429, "rate_limited", {"Retry-After": "1"})
        self.taken.append(body)
        return Answer(200, "ok")


class Chat(Vendor):
    """What imitations of chats share: `text` is the message, and one who is Busy is refused once."""

    def accepted(self, text: str, body: dict[str, Any]) -> None:
        """Takes a message. Its text must not mention or format anything."""
        assert not set("@<>*_`[]") & set(text), "a registrant mentioned somebody or formatted the text"
        self.taken.append(body)


class Mattermost(Chat):
    """developers.mattermost.com: Incoming webhooks; the answers and the ids of errors are those of its server."""

    path = "/hooks/4tgsi3xkpbfyp8rcbkq9y1u1zh"

    def error(self, status: int, id: str, message: str) -> Answer:
        return Answer(status, {"id": id, "message": message, "detailed_error": "", "request_id": "r", "status_code": status})

    def judge(self, request: Received) -> Answer:
        body = self.json(request, self.error(400, "web.incoming_webhook.parse.app_error", "Unable to parse incoming data."))
        self.need("Moved" not in str(body.get("text")), self.error(404, "api.context.404.app_error", "Sorry, we could not find the page."))
        text = body.get("text")
        self.need(isinstance(text, str) and bool(text), self.error(400, "web.incoming_webhook.text.app_error", "No text specified."))
        self.need("Deleted" not in text, self.error(400, "web.incoming_webhook.invalid.app_error", "Invalid webhook."))
        self.need(
            "Disabled" not in text, self.error(501, "web.incoming_webhook.disabled.app_error", "Incoming webhooks have been disabled.")
        )
        self.accepted(text, body)
        return Answer(200, "ok")


class RocketChat(Chat):
    """developer.rocket.chat: Post message; the webhook answers success true or false, with an error in words."""

    path = "/hooks/6qkzK7yRp3/fXy2Qs8wZb"

    def judge(self, request: Received) -> Answer:
        body = self.json(request, Answer(400, {"success": False, "error": "Invalid body params"}))
        text = body.get("text")
        self.need(isinstance(text, str) and bool(text), Answer(400, {"success": False, "error": "error-invalid-message"}))
        self.need("Deleted" not in text, Answer(400, {"success": False, "error": "Invalid integration id or token provided."}))
        self.need("Muted" not in text, Answer(200, {"success": False, "error": "error-not-allowed"}))
        if "Busy" in text and self.times("busy") == 1:
            return Answer(429, {"success": False, "error": "Error, too many requests. Please slow down. You must wait 41 seconds."})
        self.accepted(text, body)
        return Answer(200, {"success": True})


class Discord(Chat):
    """discord.com/developers: Execute Webhook, Allowed Mentions, Rate Limits, JSON Error Codes. It answers 204 without a body."""

    path = "/api/webhooks/1000/XXXX"

    def judge(self, request: Received) -> Answer:
        body = self.json(request, Answer(400, {"message": "400: Bad Request", "code": 0}))
        text = body.get("content")
        self.need(body.keys() <= {"content", "allowed_mentions"}, Answer(400, {"message": "Invalid Form Body", "code": 50035}))
        self.need(isinstance(text, str) and bool(text), Answer(400, {"message": "Cannot send an empty message", "code": 50006}))
        self.need(len(text) <= 2_000, Answer(400, {"message": "Invalid Form Body", "code": 50035}))
        self.need("Deleted" not in text, Answer(404, {"message": "Unknown Webhook", "code": 10015}))
        assert not body["allowed_mentions"].get("parse"), "mentions are allowed"
        if "Busy" in text and self.times("busy") == 1:
            limited = {"message": "You are being rate limited.", "retry_after": 41.2, "global": False}
            return Answer(429, limited, {"Retry-After": "42"})
        self.accepted(text, body)
        return Answer(204, "")


class GoogleChat(Vendor):
    """developers.google.com/workspace/chat: webhooks, cards v2, limits. An answer is the message, or {"error": …}."""

    path = "/v1/spaces/AAAA/messages"

    def error(self, status: int, word: str, message: str) -> Answer:
        return Answer(status, {"error": {"code": status, "message": message, "status": word}})

    def judge(self, request: Received) -> Answer:
        self.need("key=KEY&token=TOKEN" in request.path, self.error(400, "INVALID_ARGUMENT", "Invalid webhook token"))
        bad = self.error(400, "INVALID_ARGUMENT", "Invalid JSON payload received.")
        body = self.json(request, bad)
        self.need(body.keys() <= {"fallbackText", "cardsV2"}, bad)
        texts = [widget["textParagraph"]["text"] for widget in body["cardsV2"][0]["card"]["sections"][0]["widgets"]]
        assert "<users/" not in "".join(texts)
        assert all(text.removeprefix("<b>").removesuffix("</b>").count("<") == 0 for text in texts), "a registrant wrote HTML"
        self.need("Deleted" not in texts[0], self.error(400, "INVALID_ARGUMENT", "Invalid webhook token"))
        if "Busy" in texts[0] and self.times("busy") == 1:
            return self.error(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).")
        self.taken.append(body)
        return Answer(200, {"name": "spaces/AAAA/messages/B", "sender": {"type": "BOT"}, **body})


class Telegram(Chat):
    """core.telegram.org/bots/api: Making requests, sendMessage, ResponseParameters."""

    path = "/bot123456:ABC-DEF1234ghIkl/sendMessage"

    def not_found(self) -> Answer:
        return self.error(404, "Not Found")

    def error(self, status: int, description: str) -> Answer:
        return Answer(status, {"ok": False, "error_code": status, "description": description})

    def judge(self, request: Received) -> Answer:
        body = self.json(request, self.error(400, "Bad Request: can't parse JSON"))
        text = body.get("text")
        self.need(bool(body.get("chat_id")), self.error(400, "Bad Request: chat_id is empty"))
        self.need(isinstance(text, str) and bool(text), self.error(400, "Bad Request: message text is empty"))
        self.need(len(text) <= 4_096, self.error(400, "Bad Request: message is too long"))
        self.need("Deleted" not in text, self.error(403, "Forbidden: bot was kicked from the group chat"))
        if "Busy" in text and self.times("busy") == 1:
            return Answer(429, {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 41}})
        self.accepted(text, body)
        return Answer(200, {"ok": True, "result": {"message_id": 7}})


class GoogleForms(Vendor):
    """Public implementations of a form's post: 400 for an empty required question; a page in every other case, even if the form is closed."""

    path = "/forms/d/e/1FAIpQLSd/formResponse"
    content_type = FORM
    page = {"Content-Type": "text/html; charset=utf-8"}
    closed = False

    def judge(self, request: Received) -> Answer:
        answers = dict(parse_qsl(request.body.decode("ascii"), strict_parsing=True))
        self.need(
            answers.keys() <= {"entry.1", "entry.2", "entry.3"} and bool(answers.get("entry.3")),
            Answer(400, "<html>Bad Request</html>", self.page),
        )
        if self.closed:
            return Answer(200, "<html>The form Summit is no longer accepting responses.</html>", self.page)
        self.taken.append(answers)
        return Answer(200, "<html><div>Your response has been recorded.</div></html>", self.page)


class Teams(Vendor):
    """support.microsoft.com: Create incoming webhooks with Workflows; adaptivecards.io: schema 1.4. The trigger answers 202."""

    path = "/workflows/0a1b/triggers/manual/paths/invoke"

    def judge(self, request: Received) -> Answer:
        bad = Answer(
            400, {"error": {"code": "TriggerInputSchemaMismatch", "message": "The input body is not as the trigger's schema says."}}
        )
        self.need(
            "sig=XXXX" in request.path, Answer(401, {"error": {"code": "DirectApiAuthorizationRequired", "message": "sig is missing"}})
        )
        self.need(len(request.body) <= 28_000, Answer(413, "Too large"))
        body = self.json(request, bad)
        self.need(body.keys() == {"type", "attachments"} and body["type"] == "message" and len(body["attachments"]) == 1, bad)
        (attachment,) = body["attachments"]
        self.need(attachment["contentType"] == "application/vnd.microsoft.card.adaptive" and attachment["contentUrl"] is None, bad)
        card = attachment["content"]
        self.need(
            (card["type"], card["version"]) == ("AdaptiveCard", "1.4") and card["$schema"].startswith("http://adaptivecards.io/"), bad
        )
        for block in card["body"]:
            self.need(block["type"] == "TextBlock" and isinstance(block["text"], str) and block.get("wrap") is True, bad)
            self.need(block.keys() <= {"type", "text", "wrap", "weight"}, bad)
        self.taken.append(card)
        return Answer(202, b"")


class HubSpotForm(Vendor):
    """developers.hubspot.com: Submit data to a form (v3); changelog of 21 March 2022: unknown fields are refused."""

    path = "/submissions/v3/integration/submit/62515/78c2891f-ebdd-44c0-bd94-15c012bbbfbf"
    fields = frozenset({"email", "firstname", "lastname", "company"})

    def judge(self, request: Received) -> Answer:
        def error(message: str, kind: str) -> Answer:
            said = {
                "status": "error",
                "message": "The request is not valid",
                "correlationId": "1",
                "errors": [{"message": message, "errorType": kind}],
            }
            return Answer(400, said)

        body = self.json(request, error("Invalid JSON", "INVALID_JSON"))
        self.need(body.keys() <= {"fields", "context", "submittedAt", "legalConsentOptions"}, error("Unknown key", "INVALID_JSON"))
        self.need(
            all(f.keys() == {"objectTypeId", "name", "value"} and f["objectTypeId"] == "0-1" for f in body["fields"]),
            error("Fields", "INVALID_JSON"),
        )
        values = {field["name"]: field["value"] for field in body["fields"]}
        self.need(values.keys() <= self.fields, error("Error in 'fields'. The form has no such field", "FIELD_NOT_IN_FORM_DEFINITION"))
        self.need("@" in values["email"] and "." in values["email"], error("Error in 'fields.email'. Invalid email", "INVALID_EMAIL"))
        self.taken.append(values)
        return Answer(200, {"inlineMessage": "<p>Thanks</p>"})


class HubSpotContacts(Vendor):
    """developers.hubspot.com: Upsert a batch of contacts; multi-status error handling: 207 with `errors` and `numErrors`."""

    path = "/crm/v3/objects/contacts/batch/upsert"
    properties = frozenset({"email", "firstname", "lastname", "company", "phone"})

    def judge(self, request: Received) -> Answer:
        if request.header("authorization") != "Bearer pat-eu1-00000000-0000-0000-0000-000000000000":
            return Answer(
                401, {"status": "error", "message": "Authentication credentials not found.", "category": "INVALID_AUTHENTICATION"}
            )
        bad = Answer(400, {"status": "error", "message": "Property values were not valid", "category": "VALIDATION_ERROR"})
        body = self.json(request, bad)
        (given,) = body["inputs"]
        self.need(given.keys() == {"idProperty", "id", "properties"} and given["idProperty"] == "email", bad)
        self.need(given["properties"].keys() <= self.properties and given["properties"]["email"] == given["id"], bad)
        if "@" not in given["id"]:
            error = {"status": "error", "category": "VALIDATION_ERROR", "message": f"Email address {given['id']} is invalid"}
            return Answer(207, {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [error]})
        self.taken.append(given)
        result = {"id": "151", "new": self.times(given["id"]) == 1, "properties": given["properties"], "archived": False}
        return Answer(
            200, {"status": "COMPLETE", "results": [result], "startedAt": "2026-03-01T09:30:00Z", "completedAt": "2026-03-01T09:30:00Z"}
        )


class WebToLead(Vendor):
    """Salesforce Help: Set up Web-to-Lead. Always 200; the header Is-Processed names an exception if it could not be processed."""

    path = "/servlet/servlet.WebToLead"
    content_type = FORM
    fields = frozenset({"oid", "first_name", "last_name", "company", "email", "phone", "title", "country", "lead_source", "description"})
    organization = "00D000000000062"

    def judge(self, request: Received) -> Answer:
        self.need(
            request.path.endswith("?encoding=UTF-8"), Answer(200, "", {"Is-Processed": "true Exception:common.exception.SfdcSqlException"})
        )
        lead = dict(parse_qsl(request.body.decode("ascii"), strict_parsing=True))
        known = lead.get("oid") == self.organization and lead.keys() <= self.fields and bool(lead.get("last_name") and lead.get("company"))
        if not known:
            return Answer(200, "", {"Is-Processed": "true Exception:common.exception.SalesforceGenericException"})
        self.taken.append(lead)
        return Answer(200, "", {"Is-Processed": "true"})


class SalesforceUpsert(Vendor):
    """developer.salesforce.com: Insert or Update (Upsert) a Record Using an External ID; Status Codes and Error Responses. `allows`:
    validates tokens."""

    method = "PATCH"
    fields = frozenset({"LastName", "FirstName", "Email", "Company", "Title", "Phone"})
    prefix = "/services/data/v62.0/sobjects/Lead/Registration_Code__c/"

    def __init__(self, valid: set[str]) -> None:
        super().__init__()
        self.valid = valid

    def __call__(self, request: Received) -> Answer:
        if (request.header("authorization") or "").removeprefix("Bearer ") not in self.valid:
            return Answer(401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
        key = request.path.removeprefix(self.prefix)
        if not request.path.startswith(self.prefix) or "/" in key or not key:
            return Answer(404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}])
        self.path = request.path
        return super().__call__(request)

    def judge(self, request: Received) -> Answer:
        def error(code: str, message: str, status: int = 400) -> Answer:
            return Answer(status, [{"message": message, "errorCode": code, "fields": []}])

        record = self.json(request, error("JSON_PARSER_ERROR", "Unexpected character"))
        self.need(record.keys() <= self.fields, error("INVALID_FIELD", "No such column on sobject of type Lead"))
        self.need(
            bool(record.get("LastName") and record.get("Company")),
            error("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]"),
        )
        if record["LastName"] == "Twice":
            return Answer(300, ["/services/data/v62.0/sobjects/Lead/1", "/services/data/v62.0/sobjects/Lead/2"])
        if record["LastName"] == "Locked" and self.times("locked") == 1:
            return error("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
        self.taken.append((self.path.removeprefix(self.prefix), record))
        created = self.times(self.path) == 1
        return Answer(201 if created else 200, {"id": "00Q1", "success": True, "errors": [], "created": created})


class Marketo(Vendor):
    """experienceleague.adobe.com: Sync Leads; Error Codes. Always 200. `valid`: the valid tokens."""

    path = "/rest/v1/leads.json"
    fields = frozenset({"email", "firstName", "lastName", "company", "title", "country"})

    def __init__(self, valid: set[str]) -> None:
        super().__init__()
        self.valid = valid

    def judge(self, request: Received) -> Answer:
        def error(code: str, message: str) -> Answer:
            return Answer(200, {"requestId": "e42b#1", "success": False, "errors": [{"code": code, "message": message}]})

        def result(**said: Any) -> Answer:
            return Answer(200, {"requestId": "e42b#1", "success": True, "result": [said]})

        self.need((request.header("authorization") or "").removeprefix("Bearer ") in self.valid, error("602", "Access token expired"))
        body = self.json(request, error("609", "Invalid JSON"))
        self.need(body.keys() <= {"action", "lookupField", "input", "partitionName", "asyncProcessing"}, error("1001", "Invalid value"))
        self.need(body["action"] in {"createOnly", "updateOnly", "createOrUpdate", "createDuplicate"}, error("1001", "Invalid value"))
        (lead,) = body["input"]
        self.need(lead.keys() <= self.fields, result(status="skipped", reasons=[{"code": "1006", "message": "Field not found"}]))
        if lead.get("lastName") == "Busy" and self.times("busy") == 1:
            return error("606", "Max rate limit '100' exceeded with in '20' secs")
        if lead.get("lastName") == "Twice":
            return result(status="skipped", reasons=[{"code": "1007", "message": "Multiple lead match lookup criteria"}])
        self.taken.append(lead)
        return result(id=50, status="created" if self.times(lead["email"]) == 1 else "updated")


class Flat(Vendor):
    """What Zapier and Make accept: one flat object."""

    def flat(self, request: Received) -> Any:
        body = self.json(request, Answer(400, "Invalid JSON"))
        self.need(all(isinstance(value, (str, int, bool, type(None))) for value in body.values()), Answer(400, "not flat"))
        self.taken.append(body)
        return body


class Zapier(Flat):
    """help.zapier.com: Trigger Zap workflows from webhooks. 200 whether or not a Zap is listening."""

    path = "/hooks/catch/1234/abcd/"

    def judge(self, request: Received) -> Answer:
        self.flat(request)
        return Answer(200, {"status": "success", "attempt": "0190", "id": "0190", "request_id": "0190"})


class Make(Flat):
    """help.make.com: Webhooks. "Accepted" once it is in the queue, 400 if the queue is full."""

    path = "/abcdefgh"

    def judge(self, request: Received) -> Answer:
        if self.flat(request)["last_name"] == "Busy" and self.times("busy") == 1:
            self.taken.pop()
            return Answer(400, "Queue is full.")
        return Answer(200, "Accepted")
