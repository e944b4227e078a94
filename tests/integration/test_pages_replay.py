"""The pages of Replay (guide: Replaying a Flow; Y1): choosing, the dry run with its differences, sending, roles and other accounts."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from tests.builders import signal_account
from tests.builders.outcome import REFUSED
from tests.builders.registration import person
from tests.builders.signal_account import SignalAccount
from tests.confirming import confirms
from tests.databases import DatabaseFacts
from tests.page_text import text_of

from heliograph.accounts.vault import vault
from heliograph.domain.delivery.outcomes import Delivered
from heliograph.jobs import control
from heliograph.jobs.registry import JobKinds
from heliograph.jobs.runner import Runner
from heliograph.replay import dry_run, replays, send_job
from heliograph.replay.replays import Stage
from heliograph.store import config_cache
from heliograph.store.secrets import SecretPlace, save_secret

KINDS = JobKinds([dry_run.kind()])


@pytest.fixture
def site(database: DatabaseFacts, client: Client) -> Iterator[SignalAccount]:
    """S-1 was sent with another body than today's mapping makes, S-2 never; S-3 is a test, which a Live flow leaves out."""
    with signal_account.site(database) as made:
        made.record(person("S-1", "Ada", "Lovelace"), person("S-2", "Joe", "<b>Citizen</b>"))
        made.record(person("S-3", "Noor", "Haddad", properties={"Test": True}))
        made.ends(made.actions("S-1")[0], Delivered(200))
        with made.store.transaction():
            save_secret(made.store, vault(), SecretPlace(made.account.pk, "connection", made.setup.connection, "path"), "/crm")
        made.signs_in(client)
        yield made


def flow(site: SignalAccount) -> int:
    return next(id for id, found in site.setup.provider.account(site.account.pk).flows.items() if found.name)


def begun(site: SignalAccount, client: Client, **form: str) -> int:
    """Posts the form; the number of the new replay."""
    answer = client.post("/signal/replay/", {"flow": str(flow(site)), "since": "2020-01-01", "which": "latest", **form})
    assert answer.status_code == 302, text_of(answer.content)
    return int(re.search(r"/signal/replay/(\d+)/", answer["Location"])[1])


def checked(site: SignalAccount, client: Client, **form: str) -> int:
    """A replay whose dry run has ended."""
    replay = begun(site, client, **form)
    Runner(KINDS).run_one(replays.find(site.account.pk, replay).replay.check_job)
    return replay


def shown(client: Client, replay: int, query: str = "") -> str:
    answer = client.get(f"/signal/replay/{replay}/{query}")
    assert answer.status_code == 200
    return text_of(answer.content)


def test_Y1_a_dry_run_begins_with_its_progress(site: SignalAccount, client: Client) -> None:
    replay = begun(site, client)
    said = client.get(f"/signal/replay/{replay}/").content.decode()
    assert 'hx-trigger="every 2s"' in said
    assert "Looking at each change" in said
    assert "Stop" in said
    assert "Dry run" in text_of(client.get("/signal/replay/").content)
    client.post(f"/signal/replay/{replay}/act/", {"do": "stop"})
    assert replays.find(site.account.pk, replay).stage is Stage.CHECK_STOPPED
    assert "The dry run stopped" in shown(client, replay)


def test_Y1_each_difference_is_shown_field_by_field(site: SignalAccount, client: Client) -> None:
    replay = checked(site, client)
    verdicts = {verdict.value: n for verdict, n in replays.find(site.account.pk, replay).verdicts.items() if n}
    assert verdicts == {"new": 1, "different": 1, "filtered": 1}
    page = client.get(f"/signal/replay/{replay}/").content.decode()
    assert '<input type="checkbox" name="send" value="different"' in page
    assert "Different: 1" in page
    assert '<del class="was">joe@example.org</del>' in page
    assert "<ins>somebody@example.org</ins>" in page
    assert "Nothing is sent yet." in page
    assert "New and different: 2, about 1 second at 600 a minute." in page
    assert "the replay gets at least 5%." in page
    new = client.get(f"/signal/replay/{replay}/?show=new").content.decode()
    assert "&lt;b&gt;Citizen&lt;/b&gt;" in new
    assert "<b>Citizen</b>" not in new
    filtered = shown(client, replay, "?show=filtered")
    assert "S-3" in filtered
    assert "the flow takes Live, and this was Test" in filtered


def test_Y1_dates_or_an_event_are_needed(site: SignalAccount, client: Client) -> None:
    for form, sentence in (
        ({"since": ""}, "Give dates, an event, or both."),
        ({"since": "2026-13-01"}, "Give a day, such as 2027-01-31."),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "The period ends before it begins. Choose a later end."),
    ):
        answer = client.post("/signal/replay/", {"flow": str(flow(site)), "since": "2020-01-01", "which": "latest", **form})
        assert answer.status_code == 422
        assert sentence in text_of(answer.content)


def test_Y1_a_link_fills_the_form(site: SignalAccount, client: Client) -> None:
    page = client.get(f"/signal/replay/?flow={flow(site)}&from=2026-10-01&to=2026-10-11").content.decode()
    assert re.search(rf'<option value="{flow(site)}"[^>]* selected', page)
    assert 'value="2026-10-01"' in page
    assert 'value="2026-10-11"' in page


def test_Y1_a_start_wants_a_reason_and_a_rate(site: SignalAccount, client: Client) -> None:
    replay = checked(site, client)
    answer = confirms(client, f"/signal/replay/{replay}/send/", {"send": "different", "rate": "0", "reason": ""})
    assert answer.status_code == 422
    said = text_of(answer.content)
    assert "Say why: it is recorded in the audit log." in said
    assert "Give a whole number a minute from 1 to 30,000." in said
    answer = confirms(client, f"/signal/replay/{replay}/send/", {"do": "rows", "rate": "60", "reason": "A wider filter"})
    assert answer.status_code == 422
    assert "Choose what is sent" in text_of(answer.content)


def test_Y1_ticked_lines_only(site: SignalAccount, client: Client) -> None:
    replay = checked(site, client)
    ((line,),) = site.store.all("SELECT id FROM replay_line WHERE replay_id = :id AND verdict = 3", {"id": replay})
    answer = confirms(client, f"/signal/replay/{replay}/send/", {"do": "rows", "row": str(line), "rate": "60", "reason": "A wider filter"})
    assert answer.status_code == 302
    state = replays.find(site.account.pk, replay)
    assert state.stage is Stage.WAITING
    assert state.send.parameters["total"] == 1
    assert "1 chosen = 0 success + 0 replaced + 0 queued + 0 failed + 0 validation + 1 pending" in shown(client, replay)


def test_Y1_pause_go_on_cancel_and_the_audit_says_who_and_why(site: SignalAccount, client: Client) -> None:
    replay = checked(site, client)
    confirms(client, f"/signal/replay/{replay}/send/", {"send": "different", "rate": "60", "reason": "A wider filter"})
    for press, stage, heading in (
        ("pause", Stage.PAUSED, "Replay is paused"),
        ("go on", Stage.WAITING, "Replay waits"),
        ("cancel", Stage.CANCELLED, "Replay is cancelled"),
    ):
        client.post(f"/signal/replay/{replay}/act/", {"do": press})
        assert replays.find(site.account.pk, replay).stage is stage
        assert heading in shown(client, replay)
    client.post(f"/signal/replay/{replay}/act/", {"do": "go on"})
    assert replays.find(site.account.pk, replay).stage is Stage.CANCELLED, "a cancelled replay does not go on"
    audit = text_of(client.get("/settings/audit/").content)
    assert "Replayed" in audit
    assert "Cancelled the replay of" in audit
    assert "A wider filter" in audit
    assert "Cancelled" in text_of(client.get("/signal/replay/").content)


def test_Y1_a_cancelled_replay_says_how_many_were_not_sent(site: SignalAccount, client: Client) -> None:
    replay = checked(site, client)
    confirms(client, f"/signal/replay/{replay}/send/", {"send": ["new", "different"], "rate": "30000", "reason": "A wider filter"})
    stop = threading.Event()
    send = replays.find(site.account.pk, replay).replay.send_job
    Runner(JobKinds([send_job.kind()])).run_one(send, stop=stop, watch=lambda job: stop.set() if job.counts.get("sent") else None)
    replays.resume(site.account.pk, replay)
    client.post(f"/signal/replay/{replay}/act/", {"do": "cancel"})
    page = shown(client, replay)
    assert "0 of 2; 2 not sent" in page
    assert "2 of 2" not in page
    assert "2 chosen = 0 success + 0 replaced + 0 queued + 0 failed + 0 validation + 0 pending + 2 not sent" in page


def test_Y1_the_words_of_a_dry_run_are_about_what_was_accepted(site: SignalAccount, client: Client) -> None:
    """S-2 was sent and refused: nothing of it was accepted, so it is New, and its words do not say that it was never sent."""
    site.ends(site.actions("S-2")[0], REFUSED, status=401)
    page = shown(client, checked(site, client), "?show=new")
    assert "New none of them was accepted there: never sent, or refused" in page
    assert "the same as last accepted there" in page
    assert "S-2" in page


def test_P1_a_viewer_reads_and_cannot_replay(site: SignalAccount, client: Client) -> None:
    replay = checked(site, client)
    site.signs_in(client, site.viewer)
    page = client.get(f"/signal/replay/{replay}/").content.decode()
    assert 'name="send"' not in page
    assert 'name="reason"' not in page
    assert 'name="since"' not in client.get("/signal/replay/").content.decode()
    assert client.post("/signal/replay/", {"flow": str(flow(site)), "since": "2020-01-01"}).status_code == 403
    assert confirms(client, f"/signal/replay/{replay}/send/", {"send": "different"}).status_code == 403
    assert client.post(f"/signal/replay/{replay}/act/", {"do": "cancel"}).status_code == 403


def test_P1_another_accounts_replay_and_flow_are_not_there(site: SignalAccount, client: Client) -> None:
    replay = checked(site, client)
    other = signal_account.made(site.store, name="Other")
    site.signs_in(client, other.administrator)
    for address in (f"/signal/replay/{replay}/", f"/signal/replay/{10**12}/"):
        assert client.get(address).status_code == 404
    assert confirms(client, f"/signal/replay/{replay}/send/", {"send": "different", "rate": "60", "reason": "x"}).status_code == 404
    assert client.post(f"/signal/replay/{replay}/act/", {"do": "cancel"}).status_code == 404
    answer = client.post("/signal/replay/", {"flow": str(flow(site)), "since": "2020-01-01", "which": "latest"})
    assert answer.status_code == 422
    assert "None yet." in text_of(client.get("/signal/replay/").content)


def test_N2_replay_stands_in_signals_panel(site: SignalAccount, client: Client) -> None:
    page = client.get("/signal/flows/").content.decode()
    assert f'href="{reverse("replay")}"' in page


def test_Y1_a_set_up_saved_since_the_dry_run_is_said(site: SignalAccount, client: Client) -> None:
    replay = checked(site, client)
    assert "changed since this dry run" not in shown(client, replay)
    found = site.setup.provider.account(site.account.pk).flows[flow(site)]
    site.setup.save_flow(replace(found, name="Another name"))
    config_cache.PROCESS.forget()
    assert "changed since this dry run" in shown(client, replay)


def test_O9_a_flow_has_one_dry_run_at_a_time(site: SignalAccount, client: Client) -> None:
    first = begun(site, client)
    refused = client.post("/signal/replay/", {"flow": str(flow(site)), "since": "2020-01-01", "which": "latest"})
    assert "A dry run of this flow has not ended. Wait for it, or open it under Earlier replays and stop it." in text_of(refused.content)
    client.post(f"/signal/replay/{first}/act/", {"do": "stop"})
    assert checked(site, client) == first + 1
    assert begun(site, client) == first + 2, "one that has ended is in nobody's way"


def test_O9_a_dry_run_says_where_in_the_queue_it_is(site: SignalAccount, client: Client) -> None:
    control.create("set-status", site.account.pk, {}, by="user:1")
    assert "1 job of this account goes first." in shown(client, begun(site, client))


def test_O9_a_refusal_leads_back_to_its_page_and_begins_nothing(site: SignalAccount, client: Client, settings: Any) -> None:
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"jobs_waiting": 1})
    control.create("set-status", site.account.pk, {}, by="user:1")
    answer = client.post(
        "/signal/replay/",
        {"flow": str(flow(site)), "since": "2020-01-01", "which": "latest"},
        headers={"referer": "http://testserver/signal/replay/?flow=1"},
    )
    assert (answer.status_code, answer["Location"]) == (302, "http://testserver/signal/replay/?flow=1")
    page = text_of(client.get("/signal/replay/").content)
    assert "1 job of this account waits or runs, which is as many as an account may have. Wait until it has ended, or stop it." in page
    elsewhere = client.post(
        "/signal/replay/",
        {"flow": str(flow(site)), "since": "2020-01-01", "which": "latest"},
        headers={"referer": "https://elsewhere.example/"},
    )
    assert elsewhere["Location"] == "/"


def test_O9_a_replay_that_may_not_begin_says_so_where_it_was_sent(site: SignalAccount, client: Client, settings: Any) -> None:
    replay = checked(site, client)
    settings.HELIOGRAPH = settings.HELIOGRAPH.model_copy(update={"jobs_waiting": 1})
    control.create("set-status", site.account.pk, {}, by="user:1")
    answer = confirms(client, f"/signal/replay/{replay}/send/", {"send": "different", "rate": "60", "reason": "A wider filter"})
    assert answer.status_code == 422
    assert "1 job of this account waits or runs, which is as many as an account may have." in text_of(answer.content)
    assert replays.find(site.account.pk, replay).stage is Stage.CHECKED
