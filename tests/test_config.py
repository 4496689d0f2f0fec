"""The configuration: what it accepts, what it refuses with which words, and where it says a value came from."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from inception_site.checks import find_warnings
from inception_site.config import SECTIONS, Config, ConfigError, read_config, show
from inception_site.databases import build_databases
from inception_site.queue_address import SOCKET_PATH_BYTES, queue_url, socket_path
from inception_site.secret_files import fill_secrets

ROOT = Path(__file__).resolve().parent.parent
LOCAL = '[site]\nmode = "local"\n'


def write(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def read(folder: Path, text: str = "", **environment: str) -> Config:
    return read_config(write(folder, text), environment)


def refused(folder: Path, text: str = "", **environment: str) -> str:
    with pytest.raises(ConfigError) as error:
        read(folder, text, **environment)
    return str(error.value)


class TestValues:
    def test_it_takes_the_default_where_nothing_is_said(self, tmp_path: Path) -> None:
        config = read(tmp_path)
        assert config.inc.backup_port == 3306
        assert config.sources["inc.backup_port"] == "default"

    def test_the_file_wins_over_the_default(self, tmp_path: Path) -> None:
        config = read(tmp_path, '[inc]\nbackup_host = "b1"\nbackup_port = 4000\n')
        assert (config.inc.backup_host, config.inc.backup_port) == ("b1", 4000)
        assert config.sources["inc.backup_port"] == str(tmp_path / "config.toml")

    def test_the_environment_wins_over_the_file(self, tmp_path: Path) -> None:
        config = read(tmp_path, "[inc]\nbackup_port = 4000\n", INCEPTION__INC__BACKUP_PORT="5000")
        assert config.inc.backup_port == 5000
        assert config.sources["inc.backup_port"] == "environment INCEPTION__INC__BACKUP_PORT"

    def test_a_secret_file_wins_over_the_environment(self, tmp_path: Path) -> None:
        secret = tmp_path / "password"
        secret.write_text("from the file\n")
        config = read(
            tmp_path, INCEPTION__INC__BACKUP_PASSWORD="plain", INCEPTION__INC__BACKUP_PASSWORD_FILE=str(secret)
        )
        assert config.inc.backup_password == "from the file"
        assert str(secret) in config.sources["inc.backup_password"]

    def test_it_reads_lists_and_switches_from_the_environment(self, tmp_path: Path) -> None:
        config = read(
            tmp_path, INCEPTION__SITE__ALLOWED_HOSTS="a.example, b.example", INCEPTION__WEB__TRUST_PROXY="True"
        )
        assert config.site.allowed_hosts == ("a.example", "b.example")
        assert config.web.trust_proxy is True

    def test_a_relative_data_folder_is_beside_the_file(self, tmp_path: Path) -> None:
        assert read(tmp_path, '[site]\ndata_folder = "data"\n').site.data_folder == tmp_path / "data"

    def test_it_cannot_be_changed_afterwards(self, tmp_path: Path) -> None:
        with pytest.raises(FrozenInstanceError):
            read(tmp_path).web.port = 1  # type: ignore[misc]


class TestRefusal:
    def test_it_names_an_unknown_key_and_the_one_that_was_meant(self, tmp_path: Path) -> None:
        text = refused(tmp_path, '[inc]\nbackup_hots = "b1"\n')
        assert "inc.backup_hots" in text
        assert "Did you mean inc.backup_host?" in text

    def test_it_finds_a_key_that_stands_in_the_wrong_section(self, tmp_path: Path) -> None:
        assert "Did you mean queue.url?" in refused(tmp_path, '[worker]\nurl = "redis://q"\n')

    def test_it_names_an_unknown_variable(self, tmp_path: Path) -> None:
        text = refused(tmp_path, INCEPTION__INC__BACKUP_PASWORD="x")
        assert "environment INCEPTION__INC__BACKUP_PASWORD" in text
        assert "Did you mean inc.backup_password?" in text

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ('[web]\nport = "8000"\n', "web.port ({path}): needs a whole number, found '8000'"),
            ("[web]\nport = true\n", "needs a whole number, found True"),
            ("[web]\nport = 70000\n", "needs a number from 1 to 65535, found 70000"),
            ("[site]\nname = 3\n", "site.name ({path}): needs a text in quotes, found 3"),
            ('[site]\ndebug = "yes"\n', "needs true or false, found 'yes'"),
            ('[site]\nallowed_hosts = "a"\n', "needs a list of texts, found 'a'"),
            ("[site]\nallowed_hosts = [1]\n", "needs a list of texts, found [1]"),
            ('[inc]\nbackup_tls = "on"\n', "needs one of disabled, required, verify_ca, verify_identity, found 'on'"),
            ('[site]\nbase_url = "inception.example"\n', "needs http(s):// and a host"),
            ('[site]\nbase_url = "https://inception.example/path"\n', "needs http(s):// and a host"),
            ('[database]\nengine = "mysql"\n', "needs database.name, database.host and database.user"),
            ('[queue]\nurl = "localhost:6379"\n', "needs redis://, rediss:// or unix://"),
            ("[site]\ndebug = true\n", 'it needs site.mode = "local"'),
            ("debug = true\n", "stands outside a section"),
            ("[sites]\n", "there is no such section"),
            ("[site\n", "is not TOML"),
        ],
    )
    def test_it_says_what_is_wrong(self, tmp_path: Path, text: str, words: str) -> None:
        assert words.format(path=tmp_path / "config.toml") in refused(tmp_path, text)

    def test_it_says_everything_that_is_wrong_at_once(self, tmp_path: Path) -> None:
        text = refused(tmp_path, '[web]\nport = "x"\n[worker]\ncuont = 2\n', INCEPTION__WEB__THREADS="many")
        assert [name for name in ("web.port", "worker.cuont", "web.threads") if name not in text] == []

    def test_it_names_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read"):
            read_config(tmp_path / "nowhere.toml", {})

    def test_it_names_a_secret_file_that_is_not_there(self, tmp_path: Path) -> None:
        text = refused(tmp_path, INCEPTION__SITE__SECRET_KEY_FILE=str(tmp_path / "gone"))
        assert "site.secret_key" in text
        assert str(tmp_path / "gone") in text

    def test_a_wrong_secret_is_never_repeated(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as error:
            fill_secrets(read(tmp_path, '[site]\nsecret_key = "s"\nencryption_keys = ["hunter2"]\n'))
        assert "hunter2" not in str(error.value)

    def test_the_program_prints_the_words_and_no_traceback(self, tmp_path: Path) -> None:
        path = write(tmp_path, LOCAL + "nmae = 'x'\n")
        done = subprocess.run(
            [sys.executable, "manage.py", "check"],
            cwd=ROOT,
            env={"INCEPTION_CONFIG": str(path), "PATH": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "site.nmae" in done.stderr
        assert "Did you mean site.name?" in done.stderr
        assert "Traceback" not in done.stderr


class TestOnline:
    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ('pt_osc = "pt-online-schema-change"', "online.pt_osc"),
            ('max_load = "Threads_running=5; rm"', "online.max_load"),
            ('critical_load = ""', "online.critical_load"),
            ("chunk_milliseconds = 0", "needs a number from 10 to 60000"),
            ('gh_ost = "/usr/bin/gh-ost"', "there is no such setting"),
        ],
    )
    def test_what_the_tool_could_not_use_is_refused(self, tmp_path: Path, line: str, words: str) -> None:
        with pytest.raises(ConfigError) as error:
            read(tmp_path, f"{LOCAL}\n[online]\n{line}\n")
        assert words in str(error.value)

    def test_several_loads_can_be_watched(self, tmp_path: Path) -> None:
        text = '[online]\npt_osc = "/opt/pt-osc"\nmax_load = "Threads_running=5,Threads_connected=900"\n'
        assert read(tmp_path, f"{LOCAL}\n{text}").online.max_load.endswith("Threads_connected=900")


class TestSecrets:
    def test_it_makes_them_once_in_local_mode(self, tmp_path: Path) -> None:
        first = fill_secrets(read(tmp_path, LOCAL))
        again = fill_secrets(read(tmp_path, LOCAL))
        assert first.site.secret_key
        Fernet(first.site.encryption_keys[0])
        assert (again.site.secret_key, again.site.encryption_keys) == (
            first.site.secret_key,
            first.site.encryption_keys,
        )
        kept = tmp_path / "var" / "inception" / "secret_key"
        assert kept.stat().st_mode & 0o777 == 0o600
        assert str(kept) in first.sources["site.secret_key"]

    def test_production_makes_none_up(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError) as error:
            fill_secrets(read(tmp_path))
        assert "site.secret_key: is empty" in str(error.value)
        assert "site.encryption_keys: is empty" in str(error.value)
        assert not (tmp_path / "var").exists()

    def test_no_way_of_printing_shows_one(self, tmp_path: Path) -> None:
        secrets = {
            "INCEPTION__SITE__SECRET_KEY": "secret-1",
            "INCEPTION__SITE__SECRET_KEY_FALLBACKS": "secret-2",
            "INCEPTION__SITE__ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "INCEPTION__DATABASE__PASSWORD": "secret-4",
            "INCEPTION__INC__BACKUP_PASSWORD": "secret-5",
            "INCEPTION__QUEUE__URL": "redis://:secret-6@q:6379",
        }
        config = fill_secrets(read(tmp_path, "", **secrets))
        printed = repr(config) + "".join(f"{name}={value} {source}\n" for name, value, source in config.values())
        assert [value for value in secrets.values() if value in printed] == []
        assert printed.count("(set, not shown)") == len(secrets)


class TestDocumentation:
    @pytest.fixture
    def rows(self) -> dict[str, str]:
        """The tables of docs/configuration.md: {"section.key": default}."""
        text = (ROOT / "docs" / "configuration.md").read_text()
        return {
            f"{section}.{key}": default
            for section, table in re.findall(r"^## \[(\w+)\].*?\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
            for key, default in re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE)
        }

    def test_it_describes_every_setting_and_no_other(self, rows: dict[str, str]) -> None:
        assert set(rows) == {f"{section}.{key.name}" for section, kind in SECTIONS.items() for key in fields(kind)}

    def test_it_has_the_defaults_of_the_program(self, rows: dict[str, str]) -> None:
        defaults = {
            f"{section}.{key.name}": show(getattr(kind(), key.name))
            for section, kind in SECTIONS.items()
            for key in fields(kind)
        }
        written = {name: "(empty)" if default == "empty" else default.strip("`") for name, default in rows.items()}
        assert written == defaults

    def test_config_toml_has_every_setting(self) -> None:
        config = read_config(ROOT / "config.toml", {})
        assert [name for name, source in config.sources.items() if source == "default"] == []


class TestWhatIsBuiltFromIt:
    @pytest.mark.parametrize("alias", ["default", "backup"])
    def test_every_mysql_connection_takes_one_statement_and_sends_no_file(self, tmp_path: Path, alias: str) -> None:
        config = read(tmp_path, '[database]\nengine = "mysql"\nname = "n"\nhost = "h"\nuser = "u"\n')
        options = build_databases(config)[alias]["OPTIONS"]
        assert (options["multi_statements"], options["local_infile"]) == (False, 0)

    def test_sqlite_waits_at_the_start_of_a_transaction(self, tmp_path: Path) -> None:
        database = build_databases(read(tmp_path, LOCAL))["default"]
        assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
        assert database["NAME"] == str(tmp_path / "var" / "inception" / "inception.sqlite3")

    def test_the_embedded_queue_has_a_socket_that_fits(self, tmp_path: Path) -> None:
        deep = tmp_path / ("long" * 30)
        assert socket_path(Path("/srv/inception")) == Path("/srv/inception/queue/queue.sock")
        assert len(str(socket_path(deep))) <= SOCKET_PATH_BYTES
        assert socket_path(deep) != socket_path(deep / "other")
        assert queue_url("", Path("/srv/inception")) == "unix:///srv/inception/queue/queue.sock?db=0"
        assert queue_url("redis://q:6379", deep) == "redis://q:6379"


class TestChecks:
    def ids(self, folder: Path, text: str) -> list[str | None]:
        return [found.id for found in find_warnings(read(folder, text))]

    def test_they_name_what_production_should_not_have(self, tmp_path: Path) -> None:
        text = '[site]\nallow_unreviewed_cli = true\n[inc]\nbackup_host = "db9"\n'
        assert self.ids(tmp_path, text) == ["inception.W001", "inception.W002", "inception.W003"]

    def test_they_are_silent_about_a_good_one(self, tmp_path: Path) -> None:
        text = '[site]\nbase_url = "https://i.example"\n[inc]\nbackup_host = "db9"\nbackup_tls = "verify_identity"\n'
        assert self.ids(tmp_path, text) == []

    def test_they_let_a_local_installation_be(self, tmp_path: Path) -> None:
        assert self.ids(tmp_path, LOCAL + "allow_unreviewed_cli = true\n") == []

    def test_djangos_own_list_for_deployment_finds_nothing(self, tmp_path: Path) -> None:
        key = Fernet.generate_key().decode()
        environment = {
            "PATH": "",
            "INCEPTION_CONFIG": str(ROOT / "deploy" / "config.toml"),
            "INCEPTION__SITE__DATA_FOLDER": str(tmp_path / "data"),
            "INCEPTION__SITE__SECRET_KEY": "k3-" * 20 + "0123456789abcdef",
            "INCEPTION__SITE__ENCRYPTION_KEYS": key,
        }
        done = subprocess.run(
            [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert key not in done.stdout
        assert "environment INCEPTION__SITE__ENCRYPTION_KEYS" in done.stdout
