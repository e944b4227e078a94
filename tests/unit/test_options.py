"""The operator's settings (O1): errors are sentences that say what to do."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from heliograph.options import Options, OptionsError, default_data, host_and_port, is_loopback, unknown_settings


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("HELIOGRAPH_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HELIOGRAPH_DATA", str(tmp_path / "data"))


def load(monkeypatch: pytest.MonkeyPatch, **given: str) -> Options:
    for name, value in given.items():
        monkeypatch.setenv(f"HELIOGRAPH_{name.upper()}", value)
    return Options.load()


def test_O1_defaults_are_safe_and_need_nothing(tmp_path: Path) -> None:
    options = Options.load()
    assert options.on_sqlite
    assert options.sqlite_file == tmp_path / "data" / "heliograph.db"
    assert options.unsafe() == ()
    assert all(is_loopback(host_and_port(bind)[0]) for bind in (options.bind, options.operations_bind))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("base_url", "signal.example.org", "is not a web address"),
        ("base_url", "https://signal.example.org/path", "without a path"),
        ("database_url", "mysql://host/name", "postgresql://"),
        ("bind", "8700", "is not an address and port"),
        ("bind", "127.0.0.1:70000", "is not an address and port"),
        ("operations_bind", "127.0.0.1:٣", "is not an address and port"),
        ("allowed_hosts", "*", "is not a host name"),
        ("allowed_hosts", "https://a.example", "is not a host name"),
        ("trusted_proxies", "10.0.0.1/8", "has host bits set"),
        ("allowed_networks", "intranet", "does not appear to be an IPv4 or IPv6 network"),
        ("smtp_url", "mail.example.org", "smtp://"),
        ("data", "data", "give an absolute path"),
        ("page_threads", "0", "greater than or equal to 1"),
        ("log_format", "xml", "'auto', 'console' or 'json'"),
        ("RETENTION_CONTENT", "401", "content cannot be kept longer than its record"),
        ("RETENTION_ROWS", "0", "greater than or equal to 1"),
    ],
)
def test_O1_a_wrong_setting_is_named_with_what_is_right(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    with pytest.raises(OptionsError) as error:
        load(monkeypatch, **{name: value})
    assert f"HELIOGRAPH_{name.upper()}" in str(error.value)
    assert said in str(error.value)


def test_O1_every_wrong_setting_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionsError) as error:
        load(monkeypatch, bind="x", smtp_url="y")
    assert len(str(error.value).splitlines()) == 2


def test_O1_a_file_holds_settings_and_variables_win(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "heliograph.env"
    file.write_text("HELIOGRAPH_BIND=127.0.0.1:1\nHELIOGRAPH_LOG_LEVEL=debug\n")
    options = load(monkeypatch, env_file=str(file), bind="127.0.0.1:2")
    assert (options.bind, options.log_level) == ("127.0.0.1:2", "debug")


def test_O1_a_file_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionsError, match="is not a file"):
        load(monkeypatch, env_file="/nowhere/heliograph.env")


def test_O1_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    options = load(monkeypatch, allowed_hosts="a.example, b.example,", allowed_networks="10.1.0.0/16,fd00::/8")
    assert options.allowed_hosts == ("a.example", "b.example")
    assert [str(network) for network in options.allowed_networks] == ["10.1.0.0/16", "fd00::/8"]


def test_O1_a_production_start_refuses_what_is_unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    (clear,) = load(monkeypatch, base_url="http://signal.example.org").unsafe()
    assert "HELIOGRAPH_BASE_URL" in clear
    (open_bind,) = load(monkeypatch, base_url="http://127.0.0.1:8700", bind="0.0.0.0:8700").unsafe()
    assert "HELIOGRAPH_BIND" in open_bind
    assert load(monkeypatch, base_url="https://signal.example.org").unsafe() == ()
    assert load(monkeypatch, base_url="http://signal.example.org", dev="true").unsafe() == ()


@pytest.mark.parametrize(
    ("bind", "address"),
    [
        ("127.0.0.1:8799", "http://127.0.0.1:8799"),
        ("127.0.0.9:80", "http://127.0.0.9:80"),
        ("localhost:8799", "http://localhost:8799"),
        ("[::1]:8799", "http://[::1]:8799"),
        ("0.0.0.0:8799", "http://127.0.0.1:8799"),
        ("[::]:8799", "http://[::1]:8799"),
        ("192.0.2.7:8799", "http://192.0.2.7:8799"),
    ],
)
def test_without_a_base_url_links_lead_to_where_the_pages_answer(monkeypatch: pytest.MonkeyPatch, bind: str, address: str) -> None:
    assert Options.load().base_url == "http://127.0.0.1:8700"
    options = load(monkeypatch, bind=bind)
    assert options.base_url == load(monkeypatch, base_url="").base_url == address
    assert options.hosts.ports == (int(bind.rpartition(":")[2]),)
    assert load(monkeypatch, base_url="https://signal.example.org").base_url == "https://signal.example.org"


PUBLIC = ("0.0.0.0:{}", "[::]:{}", "192.0.2.7:{}", "10.0.0.7:{}", "[2001:db8::7]:{}", "signal.example.org:{}")
LOCAL = ("127.0.0.1:{}", "127.0.0.9:{}", "[::1]:{}", "localhost:{}")


@pytest.mark.parametrize("name", ["bind", "ingest_bind", "operations_bind"])
def test_H4_A11_no_port_is_open_to_others_while_the_base_url_is_not(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for address in PUBLIC:
        (said,) = load(monkeypatch, **{name: address.format(8799)}).unsafe()
        assert said.startswith(f"HELIOGRAPH_{name.upper()} is {address.format(8799)}, open to other machines")
        assert load(monkeypatch, dev="true", **{name: address.format(8799)}).unsafe() == ()
        monkeypatch.delenv("HELIOGRAPH_DEV")
    for address in LOCAL:
        options = load(monkeypatch, **{name: address.format(8799)})
        assert (options.unsafe(), options.doubtful()) == ((), ())


@pytest.mark.parametrize(("name", "warns"), [("bind", False), ("ingest_bind", True), ("operations_bind", True)])
def test_H4_A11_a_port_that_no_proxy_stands_before_is_warned_of(monkeypatch: pytest.MonkeyPatch, name: str, warns: bool) -> None:
    """The pages' port should be reached by the base URL's proxy; warnings about the others say what they expose."""
    for address in PUBLIC:
        options = load(monkeypatch, base_url="https://signal.example.org", trusted_proxies="127.0.0.1", **{name: address.format(8799)})
        assert options.unsafe() == ()
        assert [said.split()[0] for said in options.doubtful()] == [f"HELIOGRAPH_{name.upper()}"] * warns


def test_H4_A11_every_port_there_is_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    binds = [name for name in Options.model_fields if name.endswith("bind")]
    options = load(monkeypatch, **dict.fromkeys(binds, "0.0.0.0:8799"))
    assert {said.split()[0] for said in options.unsafe()} == {f"HELIOGRAPH_{name.upper()}" for name in binds}


@pytest.mark.parametrize(
    "host", ["*", ".example.org", "*.example.org", "a/b", "a b", "a@b", "https://a.example", "a.example:", "a.example:0", "a.example:x"]
)
def test_H2_A3_an_allowed_host_is_one_name(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    with pytest.raises(OptionsError, match="is not a host name"):
        load(monkeypatch, allowed_hosts=host)


def test_C5_the_first_start_makes_a_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    options = Options.load()
    options.prepare()
    key = tmp_path / "data" / "key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    made = options.keys
    options.prepare()
    assert options.keys == made


def test_C5_a_missing_key_beside_a_database_is_never_replaced(tmp_path: Path) -> None:
    options = Options.load()
    options.prepare()
    options.sqlite_file.touch()
    options.key_place.unlink()
    with pytest.raises(OptionsError, match="Put the key back"):
        options.prepare()


def test_C5_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    options = Options.load()
    options.prepare()
    options.key_place.chmod(0o640)
    with pytest.raises(OptionsError, match="chmod 600"):
        _ = options.keys


@pytest.mark.parametrize("content", ["", "\n", "not a key", "a" * 44, "ключ"])
def test_C5_a_key_file_without_a_key_is_said(content: str) -> None:
    options = Options.load()
    options.prepare()
    options.key_place.write_text(content)
    with pytest.raises(OptionsError, match=r"no key|is not a key|cannot be read"):
        _ = options.keys


def test_C5_keys_are_read_newest_first_and_the_variable_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    newest, oldest = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    options = load(monkeypatch, key=f"{newest}, {oldest}")
    assert options.keys == (newest, oldest)
    assert newest not in repr(options)


def test_O1_a_data_folder_that_cannot_be_made_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    options = load(monkeypatch, data=str(tmp_path / "file" / "data"))
    with pytest.raises(OptionsError, match="cannot be created"):
        options.prepare()


def test_O1_there_is_a_default_place_for_data() -> None:
    assert default_data().is_absolute()


@pytest.mark.parametrize(
    ("text", "parts"), [("127.0.0.1:80", ("127.0.0.1", 80)), ("[::1]:0", ("::1", 0)), ("localhost:65535", ("localhost", 65535))]
)
def test_O1_an_address_and_its_port(text: str, parts: tuple[str, int]) -> None:
    assert host_and_port(text) == parts


def test_O12_a_proxy_that_is_not_named_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """With https in the base URL there is one, because Heliograph speaks no TLS."""
    (warning,) = load(monkeypatch, base_url="https://signal.example.org").doubtful()
    assert warning.startswith("HELIOGRAPH_BASE_URL is https://signal.example.org, so a proxy with TLS stands in front")
    assert "HELIOGRAPH_TRUSTED_PROXIES" in warning
    assert load(monkeypatch, base_url="https://signal.example.org", trusted_proxies="10.0.0.1").doubtful() == ()


def test_O12_a_misspelt_setting_is_named_with_what_was_meant(tmp_path: Path) -> None:
    file = tmp_path / "heliograph.env"
    file.write_text("HELIOGRAPH_BASEURL=https://signal.example.org\nHELIOGRAPH_BIND=127.0.0.1:8700\nOTHER=1\n")
    environ = {"HELIOGRAPH_ENV_FILE": str(file), "HELIOGRAPH_TRUSTED_PROXY": "10.0.0.1", "HELIOGRAPH_DATA": "/x", "HELIOGRAPH_XYZZY": "1"}
    assert unknown_settings(environ | {"HELIOGRAPH_SECRET_CRM": "1", "PATH": "/bin"}) == (
        "HELIOGRAPH_BASEURL is no setting and has no effect. Did you mean HELIOGRAPH_BASE_URL?",
        "HELIOGRAPH_TRUSTED_PROXY is no setting and has no effect. Did you mean HELIOGRAPH_TRUSTED_PROXIES?",
        "HELIOGRAPH_XYZZY is no setting and has no effect.",
    )
    assert unknown_settings({f"HELIOGRAPH_{name.upper()}": "" for name in Options.model_fields}) == ()
