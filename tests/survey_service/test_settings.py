"""Settings are read from the environment, and all problems are reported at once."""

import pytest

from survey_service.settings import Settings, SettingsInvalid

KEY = "0123456789abcdef0123456789abcdef"


def test_only_the_secret_key_is_required():
    """Everything else has a default, except the secret."""
    settings = Settings.from_env({"DISCERN_SECRET_KEYS": KEY})

    assert settings.database_url == "sqlite:///var/discern.db"
    assert settings.secret_keys == (KEY,)
    assert settings.allow_private_targets == ()
    with pytest.raises(SettingsInvalid, match="DISCERN_SECRET_KEYS"):
        Settings.from_env({})


def test_every_wrong_setting_is_reported_with_a_hint():
    """Eight mistakes give eight lines, and nothing is started."""
    environment = {
        "DISCERN_SECRET_KEYS": "short",
        "DISCERN_DATABASE_URL": "mysql://x/y",
        "DISCERN_BASE_URL": "surveys.example.com",
        "DISCERN_TRUSTED_PROXIES": "many",
        "DISCERN_ALLOW_PRIVATE_TARGETS": "10.0.0.1/8",
        "DISCERN_LOG_LEVEL": "LOUD",
        "DISCERN_RETENTION_DAYS": "-3",
        "DISCERN_LIMIT_PER_ADDRESS": "many",
    }
    with pytest.raises(SettingsInvalid) as wrong:
        Settings.from_env(environment)

    assert sorted(line.split(":")[0] for line in wrong.value.problems) == sorted(environment)
    assert all(len(line.split(": ", 1)[1]) > 20 for line in wrong.value.problems)
    assert "short" not in [word.strip("',") for word in str(wrong.value).split() if word == "'short'"]


def test_lists_and_networks_are_read():
    """Keys are listed newest first; networks may have a length."""
    settings = Settings.from_env({"DISCERN_SECRET_KEYS": f"{KEY}, {KEY[::-1]}", "DISCERN_ALLOW_PRIVATE_TARGETS": "10.0.0.0/8,192.168.1.7"})

    assert settings.secret_keys == (KEY, KEY[::-1])
    assert [str(network) for network in settings.allow_private_targets] == ["10.0.0.0/8", "192.168.1.7/32"]


@pytest.mark.parametrize(
    "address",
    [
        "https://ok.example\\@evil.example",
        "https://ok.example@evil.example",
        "https://ok.example:99999",
        "https://ok.example:x",
        "https://ok .example",
        "https://ok.example/\t",
        "https://[::1",
        "https://ok.example?q",
        "https://",
    ],
)
def test_an_address_that_two_readers_read_differently_is_refused(address):
    """The base URL stands in every link; one with a user name, a backslash or an impossible port leads somewhere else, or nowhere."""
    with pytest.raises(SettingsInvalid, match=r"^DISCERN_BASE_URL: .* write https://surveys\.example\.com$"):
        Settings.from_env({"DISCERN_SECRET_KEYS": KEY, "DISCERN_BASE_URL": address})


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:8000", "https://[::1]:8443/surveys/", "https://fragen.müller.example", "http://web_1"]
)
def test_addresses_of_every_form_are_read(address):
    """With a port, a path, as IPv6, with letters beyond ASCII, or as a container is called."""
    assert Settings.from_env({"DISCERN_SECRET_KEYS": KEY, "DISCERN_BASE_URL": address}).base_url == address.rstrip("/")


@pytest.mark.parametrize("days", ["0", "99999999999", "٣", "1.5"])
def test_a_retention_that_is_no_time_is_refused(days):
    """Ten digits of days would be before the year 1, and every run of the maintenance would fail."""
    with pytest.raises(SettingsInvalid, match="DISCERN_RETENTION_DAYS"):
        Settings.from_env({"DISCERN_SECRET_KEYS": KEY, "DISCERN_RETENTION_DAYS": days})
