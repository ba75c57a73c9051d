"""What a diagnosis hides from the model that answers, by where its server is."""

import pytest

from aoi.access.redaction import CREDENTIALS, Strictness
from aoi.settings import ServerSettings
from tasks.champion import level_of

HERE = ("", "http://127.0.0.1:8000", "http://127.8.9.1:1", "http://localhost:8000/v1", "http://[::1]:8000")
ELSEWHERE = (
    "http://10.0.0.7:8000",
    "https://models.example:443",
    "http://localhost.example",
    "http://127.0.0.1.example",
    "http://0.0.0.0:8000",
    "http://[::ffff:10.0.0.7]:8000",
)


@pytest.mark.parametrize("url", HERE)
def test_a_server_on_this_machine_is_shown_values_unless_somebody_says_so(url: str):
    assert level_of(ServerSettings(url=url)) is CREDENTIALS
    assert isinstance(level_of(ServerSettings(url=url, hides="values")), Strictness)


@pytest.mark.parametrize("url", ELSEWHERE)
def test_a_server_elsewhere_is_shown_no_values_unless_somebody_says_so(url: str):
    assert isinstance(level_of(ServerSettings(url=url)), Strictness)
    assert level_of(ServerSettings(url=url, hides="credentials")) is CREDENTIALS
