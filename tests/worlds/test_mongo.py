"""The emulated database shell does what it says or fails: no false success."""

import pytest

from aoi.worlds.behaviour import databases
from aoi.worlds.runtime import traffic
from tests.worlds.acts import pods
from tests.worlds.conftest import Installed

ROOT = ["mongo", "admin", "-u", "root", "-p", "root", "--authenticationDatabase", "admin", "--eval"]
REVOKE = "db.revokeRolesFromUser('admin', [{role: 'readWrite', db: 'geo-db'}])"
GRANT = "db.grantRolesToUser('admin', [{role: 'readWrite', db: 'geo-db'}])"


def run(installed: Installed, command: list[str], name: str = "mongodb-geo") -> tuple[int, str]:
    pod = pods(installed.world, installed.application, name)[0]
    container = pod["spec"]["containers"][0]["name"]
    code, out, err = installed.world.runtime.exec(installed.world, pod, container, command)
    return code, (out + err).decode()


def test_revoke_breaks_the_client_and_grant_heals_it(hotel: Installed) -> None:
    assert run(hotel, [*ROOT, REVOKE])[0] == 0
    edge = traffic(hotel.world).conditions.edge("geo", "mongodb-geo")
    assert edge is not None
    assert edge.outcomes == (("unauthorized", 1.0),)
    assert run(hotel, [*ROOT, GRANT])[0] == 0
    assert traffic(hotel.world).conditions.edges == ()


def test_aiopslabs_mounted_scripts_run(hotel: Installed) -> None:
    assert run(hotel, ["bash", "/scripts/remove-admin-mongo.sh"])[0] == 0
    assert "admin" not in databases.users(hotel.world, "mongodb-geo")
    code, output = run(hotel, ["bash", "/scripts/remove-mitigate-admin-geo-mongo.sh"])
    assert code == 0, output
    assert traffic(hotel.world).conditions.edges == ()


def test_snapshot_keeps_the_accounts_of_its_time(hotel: Installed) -> None:
    snapshot = hotel.world.snapshot()
    run(hotel, [*ROOT, "db.dropUser('admin')"])
    assert "admin" not in databases.users(hotel.world, "mongodb-geo")
    hotel.world.restore(snapshot)
    assert "admin" in databases.users(hotel.world, "mongodb-geo")


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ([*ROOT[:5], "wrong", *ROOT[6:], GRANT], "Authentication failed"),
        (["mongo", "--eval", GRANT], "not authorized"),
        ([*ROOT, "db.fsyncLock()"], "not emulated"),
        ([*ROOT, "nonsense"], "SyntaxError"),
        ([*ROOT, "db.dropUser('nobody')"], "Could not find user"),
        ([*ROOT, "db.grantRolesToUser('admin', 'readWrite')"], "expects a list"),
        (["rm", "-rf", "/"], "executable file not found"),
        (["bash", "/scripts/none.sh"], "No such file"),
        (["mongo"], "not emulated"),
    ],
)
def test_what_is_wrong_or_not_understood_fails_and_changes_nothing(
    hotel: Installed, command: list[str], text: str
) -> None:
    before = hotel.world.state["databases"]
    code, output = run(hotel, command)
    assert code != 0
    assert text in output
    assert hotel.world.state["databases"] == before


def test_the_shell_of_an_old_release_greets_and_tells_of_the_user_it_added(hotel: Installed) -> None:
    run(hotel, [*ROOT, "db.dropUser('admin')"])
    create = "db.createUser({user: 'admin', pwd: 'admin', roles:[{role:'readWrite',db:'geo-db'}]});"
    lines = run(hotel, [*ROOT, create])[1].splitlines()
    assert [line.partition(":")[0] for line in lines[:4]] == [
        "MongoDB shell version v4.4.6",
        "connecting to",
        "Implicit session",
        "MongoDB server version",
    ]
    assert lines[4:7] == ["Successfully added user: {", '\t"user" : "admin",', '\t"roles" : [']
    code, refused = run(hotel, [*ROOT[:5], "wrong", *ROOT[6:], GRANT])
    assert code == 1
    assert refused.splitlines()[2:4] == ["Error: Authentication failed. :", "connect@src/mongo/shell/mongo.js:374:17"]


def test_a_service_pod_has_no_database_shell(hotel: Installed) -> None:
    assert run(hotel, [*ROOT, GRANT], name="geo")[0] == 126
