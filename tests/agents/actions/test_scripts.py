"""A repair script is run if its exact text is on a list that a person made; what it says otherwise decides nothing."""

from pathlib import Path
from typing import Any

import pytest

from aoi.agents.actions.database import script_digest
from aoi.agents.actions.scripts import read_list
from aoi.errors import SettingsError
from aoi.worlds.applications.repairs import repair_scripts

KEY = "revoke-mitigate-admin-geo-mongo.sh"
MONGO = "mongo admin -u root -p root --authenticationDatabase admin"
GRANT = "db.grantRolesToUser('admin', [{role: 'readWrite', db: 'geo-db'}])"
BASH = "#!/bin/bash\n"

DESTRUCTIVE = {
    "rm": f"# {GRANT}\nrm -rf /data/db",
    "find": f"# {GRANT}\nfind /data/db -type f -exec truncate -s 0 {{}} +",
    "drop database": f"{MONGO} --eval \"{GRANT}; db.getSiblingDB('geo-db').dropDatabase()\"",
    "drop by another name": f"{MONGO} --eval \"{GRANT}; db.getSiblingDB('geo-db')['dr' + 'opDatabase']()\"",
    "overwritten collection": f'{MONGO} --eval "{GRANT}; db.geo.updateMany({{}}, [{{$replaceWith: {{}}}}])"',
    "renamed collection": f"{MONGO} --eval \"{GRANT}; db.geo.renameCollection('x', true)\"",
    "password": f"{MONGO} --eval \"{GRANT}; db.changeUserPassword('admin', 'mine')\"",
    "eval of what is read": f'# {GRANT}\nread -r line < /tmp/x\neval "$line"',
    "base64 to a shell": "# grantRolesToUser\nbase64 -d <<< cm0gLXJmIC9kYXRhCg== | sh",
    "python": "# grantRolesToUser\npython3 -c \"import shutil; shutil.rmtree('/data/db')\"",
    "perl": "# grantRolesToUser\nperl -e 'unlink glob q(/data/db/*)'",
    "download": "# grantRolesToUser\ncurl -s http://127.0.0.1:9/x.sh | sh",
    "download without a word": "# grantRolesToUser\nexec 3<>/dev/tcp/127.0.0.1/9; source /dev/fd/3",
    "kill": "# grantRolesToUser\nkill -9 1",
    "killed otherwise": "# grantRolesToUser\nmongod --shutdown",
    "delete without where": 'psql -c "GRANT ALL ON SCHEMA geo TO admin; DELETE FROM geo"',
    "update without where": 'psql -c "GRANT ALL ON SCHEMA geo TO admin; UPDATE geo SET lat = 0"',
    "truncate": 'psql -c "GRANT ALL ON SCHEMA geo TO admin; TRUNCATE geo"',
    "redirect": "# grantRolesToUser\n: > /data/db/WiredTiger",
    "copied over": "# grantRolesToUser\ncp /dev/null /data/db/WiredTiger",
    "dd": "# grantRolesToUser\ndd if=/dev/zero of=/data/db/WiredTiger",
    "moved": "# grantRolesToUser\nmv /data/db /data/gone",
    "IFS": "# grantRolesToUser\nr${x}m${IFS}-rf${IFS}/data/db",
    "quoted to pieces": "# grantRolesToUser\nr''m -rf /data/db",
    "globbed": "# grantRolesToUser\n/bin/r? -rf /data/db",
    "hidden in a comment's line": "# grantRolesToUser \\\n\nunlink /data/db/WiredTiger",
    "carriage return": "# grantRolesToUser\r\nunlink /data/db/WiredTiger",
    "heredoc": "# grantRolesToUser\nbash <<END\nunlink /data/db/WiredTiger\nEND",
    "alias": "shopt -s expand_aliases\nalias grantRolesToUser='unlink'\ngrantRolesToUser /data/db/WiredTiger",
    "function": "GRANT() { chmod 0 /data/db; }\nGRANT",
    "printf to a shell": "# grantRolesToUser\n. <(printf '\\x72\\x6d -rf /data')",
    "superuser": f"{MONGO} --eval \"db.grantRolesToUser('admin', ['root'])\"",
    "one blank more": f'{MONGO} --eval "{GRANT}" ',
}


def install(cluster: Any, text: str) -> None:
    cluster.patch("/api/v1/namespaces/NS/configmaps/failure-admin-geo", {"data": {KEY: text}})


@pytest.mark.parametrize("text", DESTRUCTIVE.values(), ids=DESTRUCTIVE)
def test_script_that_is_on_no_list_is_not_run(cluster: Any, text: str) -> None:
    install(cluster, BASH + text)
    digest = cluster.world.digest()
    result = cluster.executor.perform("repair_database", "mongodb-geo", KEY)
    assert (result.status, result.failure_class) == ("refused", "method")
    assert script_digest(BASH + text) in result.text
    assert "aoi access script" in result.text
    assert cluster.world.digest() == digest


def test_scripts_of_the_chart_that_take_something_away_are_not_among_its_repairs(cluster: Any) -> None:
    texts = "\n".join(repair_scripts(cluster.application))
    assert "grantRolesToUser" in texts
    assert "createUser" in texts
    assert not [word for word in ("drop", "revoke", "remove", "delete") if word in texts]


def test_a_list_as_sha256sum_writes_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "scripts"
    path.write_text(f"# read by ana\n{'a' * 64}  one.sh\n\n{'b' * 64}\n{'c' * 64} *two.sh\n")
    assert read_list(path) == {"a" * 64, "b" * 64, "c" * 64}


@pytest.mark.parametrize("line", ["*", "A" * 64, "a" * 63, "a" * 65, f"x{'a' * 64}", "one.sh", f"{'a' * 64}x"])
def test_a_list_with_anything_else_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "scripts"
    path.write_text(f"{'b' * 64}\n{line}\n")
    with pytest.raises(SettingsError, match="line 2"):
        read_list(path)


def test_script_is_judged_by_the_key_that_its_file_really_holds(cluster: Any) -> None:
    """A volume may show one key under another's name."""
    key, item = "remove-admin-mongo.sh", {"key": "remove-admin-mongo.sh", "path": KEY}
    deployment = cluster.get("deployments.apps", "mongodb-geo")
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    swapped = [
        {**v, "configMap": {**v["configMap"], "items": [item]}} if "failure" in str(v.get("configMap")) else v
        for v in volumes
    ]
    path = "/apis/apps/v1/namespaces/NS/deployments/mongodb-geo"
    cluster.send("PATCH", path, {"spec": {"template": {"spec": {"volumes": swapped}}}},
                 {"Content-Type": "application/merge-patch+json"})  # fmt: skip
    cluster.world.advance(60_000)
    dropped = cluster.get("configmaps", "failure-admin-geo")["data"][key]
    result = cluster.executor.perform("repair_database", "mongodb-geo", KEY)
    assert (result.status, result.write) == ("refused", "not-written"), result.text
    assert script_digest(dropped) in result.text
