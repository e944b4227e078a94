"""The messages at the bottom of the next page, of someone who posts forms and opens no page."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse
from tests.confirming import promise_in
from tests.page_text import text_of
from tests.story import Story

from heliograph.web.message_storage import MOST_MESSAGES


def test_equal_messages_wait_once(story: Story, client: Client) -> None:
    story.signs_in(client, name="Ada")
    for _ in range(3 * MOST_MESSAGES):
        assert client.post(reverse("me"), {"name": "Ada"}).status_code == 302
    page = client.get(reverse("me"))
    assert text_of(page.content).count("Your name is saved.") == 1
    assert "Your name is saved." not in text_of(client.get(reverse("me")).content)


def test_of_very_many_messages_the_newest_wait(story: Story, client: Client) -> None:
    story.signs_in(client, name="Ada")
    connection = story.connection("CRM", "/crm")
    flows = [story.flow(f"Flow {n}", [story.to(connection)]) for n in range(MOST_MESSAGES + 2)]
    urls = [reverse("flow-delete", args=(flow,)) for flow in flows]
    promises = [promise_in(client.get(url)) for url in urls]
    for url, promise in zip(urls, promises, strict=True):
        assert client.post(url, promise).status_code == 302
    text = text_of(client.get(reverse("me")).content)
    messages = [f"“Flow {n}” is deleted." for n in range(len(flows))]
    assert [message for message in messages if message in text] == messages[-MOST_MESSAGES:]
