"""The result of a connection's test in plain words, and how to fix it (C3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from heliograph.deliveries.message_words import message_words
from heliograph.domain.connection.connection import SignIn
from heliograph.domain.connection.diagnosis import DiagnosisReport, DiagnosisStep, DiagnosisVerdict, Finding, StepState, TestedField

_STEPS: Final = {
    DiagnosisStep.NAME: gettext_lazy("Look up the name"),
    DiagnosisStep.CONNECT: gettext_lazy("Connect"),
    DiagnosisStep.TLS: gettext_lazy("Secure the connection (TLS)"),
    DiagnosisStep.CREDENTIALS: gettext_lazy("Sign in"),
    DiagnosisStep.ANSWER: gettext_lazy("Read the answer"),
}
_MARKS: Final = {
    StepState.DONE: gettext_lazy("done"),
    StepState.FAILED: gettext_lazy("failed"),
    StepState.NOT_TRIED: gettext_lazy("not tried"),
    StepState.NOT_NEEDED: gettext_lazy("not needed"),
}

_FIELDS: Final = {
    TestedField.URL: gettext_lazy("URL"),
    TestedField.TEST_URL: gettext_lazy("Test Connection URL"),
    TestedField.TOKEN_URL: gettext_lazy("Access Token URL"),
}
_NO_FIELD: Final = (Finding.INCOMPLETE, Finding.DATA, Finding.OURSELVES)

# By finding: what is wrong, and what mends it. The texts may contain:
#     %(target)s    the target's host and port
#     %(detail)s    a sentence of the sender or of the authority
#     %(status)s    the status of the answer
#     %(moved)s     the host to which a redirect leads
_WRONG: Final[Mapping[Finding, tuple[Promise, Promise]]] = {
    Finding.INCOMPLETE: (
        gettext_lazy("The connection is incomplete: %(detail)s is missing."),
        gettext_lazy("Fill in what is missing, and save."),
    ),
    Finding.URL: (
        gettext_lazy("The URL cannot be used. %(detail)s"),
        gettext_lazy("Copy the whole address again from the target application."),
    ),
    Finding.NO_SUCH_NAME: (
        gettext_lazy("No server is called %(target)s."),
        gettext_lazy(
            "Check the URL for typing mistakes. If it is right, the name may be known only inside a company’s network: ask who hosts Heliograph."
        ),
    ),
    Finding.NO_NAME_SERVER: (
        gettext_lazy("No name server answered when Heliograph asked for the address of %(target)s."),
        gettext_lazy(
            "It is not the URL: Heliograph’s own network has trouble with names. Test again in a minute; if it lasts, tell whoever hosts Heliograph."
        ),
    ),
    Finding.BLOCKED: (
        gettext_lazy("%(detail)s"),
        gettext_lazy(
            "Heliograph sends to public addresses only. If the target is in your own network, ask who hosts Heliograph to allow that network."
        ),
    ),
    Finding.REFUSED: (
        gettext_lazy("%(target)s was found, but refuses connections."),
        gettext_lazy(
            "Check the port in the URL. If it is right, the target application is not running, or a firewall turns us away: ask its administrator."
        ),
    ),
    Finding.UNREACHABLE: (
        gettext_lazy("%(target)s cannot be reached: nothing came back in time."),
        gettext_lazy("Ask the target’s administrator whether it is running, and whether its firewall lets Heliograph in."),
    ),
    Finding.PROXY: (gettext_lazy("%(detail)s"), gettext_lazy("Ask who hosts Heliograph: its proxy for outgoing requests does not work.")),
    Finding.CERTIFICATE_NAME: (
        gettext_lazy("%(target)s has a certificate for another name."),
        gettext_lazy("Check the host in the URL. If it is right, ask the target’s administrator for a certificate with this name in it."),
    ),
    Finding.CERTIFICATE_EXPIRED: (
        gettext_lazy("The certificate of %(target)s has expired."),
        gettext_lazy("The target’s administrator has to renew it. Nothing is sent before that."),
    ),
    Finding.CERTIFICATE_EARLY: (
        gettext_lazy("The certificate of %(target)s is not valid yet."),
        gettext_lazy(
            "Ask the target’s administrator for its certificate, and who hosts Heliograph whether the clock of its machine is right."
        ),
    ),
    Finding.SELF_SIGNED: (
        gettext_lazy("%(target)s uses a self-signed certificate."),
        gettext_lazy(
            "Ask the target’s administrator for a certificate of a known authority, or paste this one under Certificate Authorities."
        ),
    ),
    Finding.UNTRUSTED: (
        gettext_lazy("The certificate of %(target)s was issued by an authority that is not known here."),
        gettext_lazy(
            "Ask the target’s administrator for the certificate of their authority and paste it under Certificate "
            "Authorities. If the authority is a well-known one, the target doesn’t send its intermediate certificates: "
            "tell its administrator."
        ),
    ),
    Finding.TLS: (
        gettext_lazy("No secure connection to %(target)s could be made."),
        gettext_lazy(
            "Check that the start of the URL and its port are as in the target’s documentation. The target may also want a client certificate, or support only outdated encryption: ask its administrator."
        ),
    ),
    Finding.CLIENT: (
        gettext_lazy("The Client Id or the Client Secret was not accepted. %(detail)s"),
        gettext_lazy("Copy both once more from the target’s administration, and save."),
    ),
    Finding.SCOPE: (
        gettext_lazy("The Scope was not granted. %(detail)s"),
        gettext_lazy("Ask the target’s administrator which scope this client may ask for, and enter that."),
    ),
    Finding.CONNECT_AGAIN: (
        gettext_lazy("The access was withdrawn, or has ended. %(detail)s"),
        gettext_lazy("Press Connect and sign in at the target once more."),
    ),
    Finding.TOKEN: (
        gettext_lazy("There is no access token. %(detail)s"),
        gettext_lazy(
            "Check Grant Type, Access Token URL and Refresh Token URL, letter by letter, or ask the target’s administrator for them."
        ),
    ),
    Finding.UNAUTHORIZED: (
        gettext_lazy("%(target)s did not accept the credentials (%(status)s)."),
        gettext_lazy("Enter the credentials again. Check that the Authentication Type is the one the target asks for."),
    ),
    Finding.FORBIDDEN: (
        gettext_lazy("%(target)s does not allow this (%(status)s)."),
        gettext_lazy("Ask the target’s administrator for permission to write. Some targets also want our server’s address on a list."),
    ),
    Finding.LACKS_SCOPE: (
        gettext_lazy("%(target)s accepted the credentials, but they lack a permission (scope) for this (%(status)s)."),
        gettext_lazy("Ask the target’s administrator which permission is needed, and to grant it to this connection."),
    ),
    Finding.LOGIN: (
        gettext_lazy("%(target)s redirects us to a sign-in page for people."),
        gettext_lazy(
            "This address is for people with a browser. Ask the target’s administrator for the address of its API or webhook, and which credentials it takes."
        ),
    ),
    Finding.MOVED: (
        gettext_lazy(
            "%(target)s says that the address has moved (%(status)s). Heliograph doesn’t follow, because your data would go to an address that nobody has checked."
        ),
        gettext_lazy("Enter the new address as the URL. It is: %(moved)s"),
    ),
    Finding.PAGE: (
        gettext_lazy("%(target)s answered with a web page, where an application would answer with data."),
        gettext_lazy(
            "This is probably the address of a page for people. Look in the target’s documentation for the address of its API or webhook."
        ),
    ),
    Finding.NOT_FOUND: (
        gettext_lazy("%(target)s has nothing at this address (404)."),
        gettext_lazy(
            "Check what follows the host in the URL, letter by letter. A webhook that was deleted at the target must be created again there."
        ),
    ),
    Finding.METHOD: (
        gettext_lazy("%(target)s does not take this Request Method at this address (405)."),
        gettext_lazy("Choose the method that the target’s documentation names. A Test Connection URL is always called with GET."),
    ),
    Finding.GONE: (
        gettext_lazy("%(target)s says that this address no longer exists (410)."),
        gettext_lazy("Make a new webhook at the target and enter its address."),
    ),
    Finding.TOO_LARGE: (
        gettext_lazy("What was sent is too large for %(target)s (413)."),
        gettext_lazy("Send fewer fields by the mapping, or ask the target’s administrator for a higher limit."),
    ),
    Finding.CONTENT_TYPE: (
        gettext_lazy("%(target)s does not take this Content Type (415)."),
        gettext_lazy(
            "Choose the other Content Type: application/json or application/x-www-form-urlencoded, as the target’s documentation says."
        ),
    ),
    Finding.BUSY: (
        gettext_lazy("%(target)s has had too many requests (429)."),
        gettext_lazy("Wait some minutes and test again. If it happens in use, set a rate limit in the connection."),
    ),
    Finding.NOT_UNDERSTOOD: (
        gettext_lazy("%(target)s was reached, but did not accept the request (%(status)s)."),
        gettext_lazy("Its answer usually names what is missing or wrong: most often a field of the mapping."),
    ),
    Finding.BROKEN: (
        gettext_lazy("%(target)s had an internal error (%(status)s)."),
        gettext_lazy("Nothing is wrong here. Test again later. If it lasts, tell the target’s administrator and include its answer."),
    ),
    Finding.AWAY: (
        gettext_lazy("%(target)s is not available just now. %(detail)s"),
        gettext_lazy(
            "Nothing is wrong here. Test again in a few minutes. Until then, failed items wait in Retry and are tried again up to three times."
        ),
    ),
    Finding.SLOW: (
        gettext_lazy("%(target)s took the request, but did not answer in time."),
        gettext_lazy("Test again. If it is always this slow, set a longer timeout in the connection, or tell the target’s administrator."),
    ),
    Finding.CLOSED: (
        gettext_lazy("%(target)s took the connection and closed it without an answer."),
        gettext_lazy(
            "Check the URL’s port and whether it begins with https://. The target may also ask for a client certificate: ask its administrator."
        ),
    ),
    Finding.NOT_HTTP: (
        gettext_lazy("%(target)s answers, but not as a web server. %(detail)s"),
        gettext_lazy("Check the port in the URL, and whether it begins with https://."),
    ),
    Finding.LONG_ANSWER: (
        gettext_lazy("The answer of %(target)s is too long to read."),
        gettext_lazy("Choose a Test Connection URL with a short answer, such as one that says who is signed in."),
    ),
    Finding.RULE: (
        gettext_lazy("%(target)s answered %(status)s, and the response rule calls that a failure. %(detail)s"),
        gettext_lazy("Its answer says why. If it is really a success, change the response rule."),
    ),
    Finding.DATA: (
        gettext_lazy("No sample could be made: %(detail)s."),
        gettext_lazy("Use Preview Mapping with a real registration, or test without a sample."),
    ),
    Finding.OURSELVES: (
        gettext_lazy("Heliograph itself could not send. %(detail)s"),
        gettext_lazy("Test again. If it lasts, tell whoever hosts Heliograph."),
    ),
}


def step_name(step: DiagnosisStep) -> str:
    """The name of a step of the test."""
    return str(_STEPS[step])


def state_name(mark: StepState) -> str:
    """The result of a step."""
    return str(_MARKS[mark])


def summary(report: DiagnosisReport) -> str:
    """The result of the test in one sentence."""
    named = {"target": report.target}
    match report.verdict:
        case DiagnosisVerdict.TESTED if report.sample:
            return _("Tested: %(target)s took the sample.") % named
        case DiagnosisVerdict.TESTED:
            return _("Tested: %(target)s answered as it should.") % named
        case DiagnosisVerdict.REACHED:
            if any(each.step is DiagnosisStep.CREDENTIALS and each.state is StepState.DONE for each in report.steps):
                return _("Reached: %(target)s answers and gives us access. The test sent nothing.") % named
            if not report.tries_credentials:
                return _("Reached: %(target)s answers. The test sent nothing.") % named
            return _("Reached: %(target)s answers. The test sent nothing, so the credentials were not tried.") % named
        case DiagnosisVerdict.FAILED:
            number = next((n for n, each in enumerate(report.steps, 1) if each.state is StepState.FAILED), 0)
            return _("Failed at step %(number)d: %(wrong)s") % {"number": number, "wrong": wrong(report)}


def wrong(report: DiagnosisReport) -> str:
    """What is wrong, with the target's own words first; "" if nothing is wrong."""
    sentence = _filled(report, 0)
    return _("The target says: “%(says)s”. %(sentence)s") % {"says": report.says, "sentence": sentence} if report.says else sentence


def field_of(report: DiagnosisReport) -> str:
    """The sentence that names the field of Connection Setup with the URL that failed; "" if none failed."""
    if report.field is None or report.verdict is not DiagnosisVerdict.FAILED or report.finding in _NO_FIELD:
        return ""
    return _("Its address is in the field “%(field)s”.") % {"field": _FIELDS[report.field]}


def remedy(report: DiagnosisReport) -> str:
    """How to fix it; "" if nothing is wrong."""
    if report.verdict is DiagnosisVerdict.REACHED:
        if not report.tries_credentials:
            return _("To see what it answers, enter a Test Connection URL, or send a sample.")
        return _("To try the credentials as well, enter a Test Connection URL, or send a sample.")
    return _filled(report, 1)


_BY_SIGN_IN: Final[Mapping[Finding, Mapping[SignIn, tuple[Promise, Promise]]]] = {
    Finding.UNAUTHORIZED: {
        SignIn.NOTHING: (
            gettext_lazy("%(target)s asks for credentials (%(status)s). This connection sends none besides its address."),
            gettext_lazy(
                "Choose the Authentication Type that the target asks for. If the address itself is the secret, get a new one from the target"
                " and enter it as the URL."
            ),
        ),
        SignIn.PASSWORD: (
            gettext_lazy("%(target)s did not accept the user name or the password (%(status)s)."),
            gettext_lazy("Enter user name and password again. Check that the Authentication Type is the one the target asks for."),
        ),
        SignIn.KEY: (
            gettext_lazy("%(target)s did not accept the key or token (%(status)s)."),
            gettext_lazy("Enter the key or token again. Check with the target’s documentation where it goes."),
        ),
        SignIn.CLIENT_TOKEN: (
            gettext_lazy("%(target)s did not accept the access token (%(status)s)."),
            gettext_lazy(
                "Ask the target’s administrator whether this Client Id may use this address, and with which Scope. You don’t "
                "need to renew anything: Heliograph gets new access tokens automatically."
            ),
        ),
        SignIn.PERSON_TOKEN: (
            gettext_lazy("%(target)s did not accept the access token (%(status)s)."),
            gettext_lazy(
                "Press Connect and sign in at the target once more. If that does not help, ask its administrator which Scope is needed."
            ),
        ),
    },
    Finding.FORBIDDEN: {
        SignIn.NOTHING: (
            gettext_lazy("%(target)s does not allow this (%(status)s). This connection sends no credentials besides its address."),
            gettext_lazy(
                "Ask the target’s administrator what this address may do. If the address itself is the secret, most likely it was withdrawn:"
                " get a new one from the target and enter it as the URL."
            ),
        ),
        SignIn.PASSWORD: (
            gettext_lazy("%(target)s does not allow this user to do it (%(status)s)."),
            gettext_lazy(
                "Ask the target’s administrator to give this user permission to write. Some targets also want our server’s address on a list."
            ),
        ),
        SignIn.KEY: (
            gettext_lazy("%(target)s does not allow this with this key (%(status)s)."),
            gettext_lazy(
                "Ask the target’s administrator to give this key permission to write. Some targets also want our server’s address on a list."
            ),
        ),
        SignIn.CLIENT_TOKEN: (
            gettext_lazy("%(target)s does not allow this client to do it (%(status)s)."),
            gettext_lazy("Ask the target’s administrator to give this Client Id permission to write, and which Scope that needs."),
        ),
        SignIn.PERSON_TOKEN: (
            gettext_lazy("%(target)s does not allow this for the connected user (%(status)s)."),
            gettext_lazy(
                "Ask the target’s administrator to give that user permission to write, or press Connect and sign in as somebody who has it."
            ),
        ),
    },
    Finding.LACKS_SCOPE: {
        SignIn.CLIENT_TOKEN: (
            gettext_lazy("%(target)s accepted the access token, but it lacks a scope for this (%(status)s)."),
            gettext_lazy("Ask the target’s administrator which scope is needed, and enter it as the Scope."),
        ),
        SignIn.PERSON_TOKEN: (
            gettext_lazy("%(target)s accepted the access token, but it lacks a scope for this (%(status)s)."),
            gettext_lazy("Ask the target’s administrator which scope is needed, enter it as the Scope, and press Connect again."),
        ),
    },
    Finding.NOT_FOUND: {
        SignIn.NOTHING: (
            gettext_lazy("%(target)s has nothing at this address (404)."),
            gettext_lazy(
                "Check what follows the host in the URL, letter by letter. If it was right before, most likely the webhook was deleted at the"
                " target: make a new one there and enter its address."
            ),
        ),
    },
}
"""What is wrong and what mends it, for findings whose remedy depends on how the connection proves its identity."""
_OF_THE_TARGET: Final = frozenset({Finding.BROKEN, Finding.AWAY, Finding.BUSY, Finding.SLOW})
"""Findings whose remedy is to wait: the target itself says that the fault is its own."""
_NAMES_THE_LIKELY: Final = frozenset({(Finding.FORBIDDEN, SignIn.NOTHING), (Finding.NOT_FOUND, SignIn.NOTHING)})
"""Remedies that say themselves what is most likely."""
_MOVED: Final = gettext_lazy("The target says that the address has moved. Look there for the new one, and enter it as the URL.")
"""The remedy if the new address is unknown."""


def remedy_of(finding: Finding, sign_in: SignIn | None) -> str:
    """The most likely remedy for a refusal, in the words of a test.

    sign_in: how the connection proves its identity; None if that is unknown
    """
    return str(_MOVED if finding is Finding.MOVED else _sentences(finding, sign_in)[1])


def likely_remedy(finding: Finding, sign_in: SignIn | None) -> str:
    """The most likely remedy, as a sentence. An answer proves only that the target refused, not why."""
    remedy = remedy_of(finding, sign_in)
    if finding in _OF_THE_TARGET or (finding, sign_in) in _NAMES_THE_LIKELY:
        return remedy
    return _("Most likely: %(remedy)s") % {"remedy": remedy[:1].lower() + remedy[1:]}


def _sentences(finding: Finding, sign_in: SignIn | None) -> tuple[Promise, Promise]:
    """What is wrong, and what mends it."""
    return _BY_SIGN_IN.get(finding, {}).get(sign_in, _WRONG[finding]) if sign_in else _WRONG[finding]


def _filled(report: DiagnosisReport, which: int) -> str:
    if report.finding is None:
        return ""
    facts = {"target": report.target, "detail": message_words(report.detail), "status": report.status or "", "moved": report.moved}
    if which and report.finding is Finding.MOVED and not report.moved:
        return str(_MOVED)
    return (str(_sentences(report.finding, report.sign_in)[which]) % facts).strip()
