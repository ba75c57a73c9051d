"""A decision counts if somebody signed it who may: with OpenSSH's own keys, files and signatures."""

import base64
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization import PublicFormat as Public

from aoi.errors import ApprovalRefused, LedgerConflict, SettingsError
from aoi.promotion.approval import decided
from aoi.promotion.signing import NAMESPACE, Approvers, open_key, sign, signer_of
from aoi.promotion.verify import verify
from aoi.records.promotion import Approval, PromotionRequest
from tests.promotion.requests import START, asked, bundle, installed

SSH_KEYGEN = shutil.which("ssh-keygen")


class Person:
    """Somebody with an SSH key."""

    def __init__(self, name: str, folder: Path, passphrase: str = "") -> None:
        self.name = name
        self.key = Ed25519PrivateKey.generate()
        self.file = folder / name
        cipher = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
        self.file.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, cipher))
        self.file.chmod(0o600)

    @property
    def line(self) -> str:
        public = self.key.public_key().public_bytes(Encoding.OpenSSH, Public.OpenSSH).decode()
        return f"{self.name} {public} somebody@somewhere\n"


@pytest.fixture
def ada(tmp_path: Path) -> Person:
    return Person("ada", tmp_path)


@pytest.fixture
def eve(tmp_path: Path) -> Person:
    return Person("eve", tmp_path)


def listed(folder: Path, *people: Person) -> Approvers:
    file = folder / "signers"
    file.write_text("# who may decide\n\n" + "".join(person.line for person in people))
    return Approvers.read(file)


def decision(request: PromotionRequest, approver: str = "ada", word: str = "approve") -> Approval:
    return decided(request, word, approver, now=START, hours=72)


def test_a_signed_approval_promotes_and_verifies(tmp_path: Path, ada: Person) -> None:
    ledger = installed(tmp_path, approvers=listed(tmp_path, ada))
    request = asked(ledger, 1)
    given = sign(decision(request), ada.key)
    ledger.decide(request, given)
    ledger.promote(request, given, "nightly")
    assert ledger.champion().bundle == bundle(1)
    (found,) = [one for one in verify(ledger, ledger._store, None) if one.what.startswith("approval")]
    assert found.ok
    assert re.search(r"signed as ada with the key SHA256:\S{43}, of ada$", found.detail)


@pytest.mark.parametrize("word", ["approve", "reject"])
def test_who_may_decide_is_whose_key_is_listed_and_nobody_else(
    tmp_path: Path, ada: Person, eve: Person, word: str
) -> None:
    ledger = installed(tmp_path, approvers=listed(tmp_path, ada))
    request = asked(ledger, 1)
    for given, why in (
        (decision(request, "ada", word), "is not signed"),
        (sign(decision(request, "eve", word), eve.key), "a key that is not in"),
        (sign(decision(request, "ada", word), eve.key), "a key that is not in"),
        (sign(decision(request, "bob", word), ada.key), "with the key of ada"),
        (decision(request, "auto", word), "is not signed"),
    ):
        with pytest.raises(ApprovalRefused, match=why):
            ledger.decide(request, given)
    assert not [entry for entry in ledger.entries() if entry.kind in ("approved", "rejected")]


def test_a_signature_is_of_one_decision_and_of_every_byte_of_it(tmp_path: Path, ada: Person) -> None:
    approvers = listed(tmp_path, ada)
    ledger = installed(tmp_path)
    request = asked(ledger, 1)
    given = sign(decision(request, "ada", "reject"), ada.key)
    approvers.check(given)
    for change in (
        {"decision": "approve"},
        {"request": "f" * 64},
        {"evaluation": "f" * 64},
        {"comment": "looks right"},
        {"expires_at": "2027-01-01T00:00:00+00:00"},
        {"signed_at": "2026-01-01T00:00:01+00:00"},
    ):
        with pytest.raises(ApprovalRefused, match="not one of this decision"):
            approvers.check(given.model_copy(update=change))


def test_nothing_that_is_no_signature_passes_for_one(tmp_path: Path, ada: Person) -> None:
    given = sign(decision(asked(installed(tmp_path), 1)), ada.key)
    first, *lines, last = given.signature.split("\n")[:-1]
    blob = base64.b64decode("".join(lines))
    choices = random.Random(7)
    damaged = [blob[:size] for size in range(len(blob))] + [blob + b"\0"]
    for position in range(len(blob)):
        flipped = bytearray(blob)
        flipped[position] ^= 1 << choices.randrange(8)
        damaged.append(bytes(flipped))
    texts = ["\n".join((first, base64.b64encode(each).decode(), last)) for each in damaged]
    for text in (*texts, "", "x", first, f"{first}\n{last}", given.signature.replace(first, last), "é" * 40):
        with pytest.raises(ApprovalRefused):
            signer_of(given.model_copy(update={"signature": text}))


def test_a_key_that_left_the_file_decides_nothing_more_and_what_it_decided_stands(tmp_path: Path, ada: Person) -> None:
    ledger = installed(tmp_path, approvers=listed(tmp_path, ada))
    request = asked(ledger, 1)
    given = sign(decision(request), ada.key)
    ledger.decide(request, given)
    later = installed(tmp_path, approvers=listed(tmp_path))
    with pytest.raises(ApprovalRefused, match="a key that is not in"):
        later.promote(request, given, "nightly")
    ledger.promote(request, given, "nightly")
    assert all(one.ok for one in verify(later, later._store, None) if one.what.startswith("approval"))


def otherwise_written(signature: str) -> list[str]:
    """The same signature for anybody who reads it generously."""
    first, *lines, last = signature.split("\n")[:-1]
    text = "".join(lines)
    return [f"{signature}\n", "\n".join((first, text, last)), "\n".join((first, *text, last, "")), f" {signature}"]


def test_a_used_approval_is_used_however_its_signature_is_written(tmp_path: Path, ada: Person) -> None:
    ledger = installed(tmp_path, approvers=listed(tmp_path, ada))
    request = asked(ledger, 1)
    given = sign(decision(request), ada.key)
    ledger.decide(request, given)
    ledger.promote(request, given, "nightly")
    ledger.roll_back(None, "bob", "worse", expected=bundle(1))
    for text in otherwise_written(given.signature):
        again = given.model_copy(update={"signature": text})
        with pytest.raises(ApprovalRefused, match="not one of this decision"):
            ledger.decide(request, again)
        # Where nobody reads signatures either: it is the decision that is used up.
        careless = installed(tmp_path)
        with pytest.raises(LedgerConflict, match="entered already"):
            careless.decide(request, again)
        careless.promote(request, again, "nightly")
    assert ledger.champion().bundle == bundle(0)


def test_verification_tells_whose_signature_it_is_and_not_whose_it_claims_to_be(
    tmp_path: Path, ada: Person, eve: Person
) -> None:
    careless = installed(tmp_path)
    request = asked(careless, 1)
    given = sign(decision(request, "ada"), eve.key)
    careless.decide(request, given)
    careless.promote(request, given, "nightly")
    careful = installed(tmp_path, approvers=listed(tmp_path, ada))
    (found,) = [one for one in verify(careful, careful._store, None) if one.what.startswith("approval")]
    assert found.detail.endswith("not among the signers")


@pytest.mark.parametrize(
    "line",
    [
        "ada",
        "ada ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ",
        'ada namespaces="file" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA',
        "ada,bob ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA",
        "* ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA",
        "ada ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
        "ada ssh-ed25519 nonsense",
        "# a comment\u2028eve ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA",
        "# a comment\reve ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA",
        "# a comment\x0ceve ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA",
    ],
)
def test_a_line_of_the_file_that_is_not_kept_to_is_refused_with_its_place(
    tmp_path: Path, ada: Person, line: str
) -> None:
    file = tmp_path / "signers"
    file.write_text(ada.line + line + "\n")
    with pytest.raises(SettingsError, match=r"line 2|in ASCII"):
        Approvers.read(file)


def test_a_key_has_one_name_and_nobody_is_called_auto(tmp_path: Path, ada: Person) -> None:
    file = tmp_path / "signers"
    file.write_text(ada.line + ada.line.replace("ada", "bob", 1))
    with pytest.raises(SettingsError, match="is the key of ada already"):
        Approvers.read(file)
    file.write_text(ada.line.replace("ada", "auto", 1))
    with pytest.raises(SettingsError, match="line 1"):
        Approvers.read(file)


def test_a_file_of_signers_that_others_can_write_is_none(tmp_path: Path, ada: Person) -> None:
    listed(tmp_path, ada)
    (tmp_path / "signers").chmod(0o666)
    with pytest.raises(SettingsError, match="chmod go-w"):
        Approvers.read(tmp_path / "signers")


def test_a_missing_file_of_signers_is_no_leave_for_everybody(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="AOI_APPROVAL__SIGNERS"):
        Approvers.read(tmp_path / "gone")


def test_a_key_is_opened_with_its_passphrase_and_not_where_others_can_read_it(tmp_path: Path) -> None:
    locked = Person("locked", tmp_path, "correct horse")
    raw = locked.key.private_bytes_raw()
    assert open_key(locked.file, lambda: "correct horse").private_bytes_raw() == raw
    with pytest.raises(SettingsError, match="cannot be opened"):
        open_key(locked.file, lambda: "wrong")
    locked.file.chmod(0o640)
    with pytest.raises(SettingsError, match="others can read"):
        open_key(locked.file, lambda: "correct horse")


def test_a_decision_of_the_first_version_keeps_its_digest(tmp_path: Path) -> None:
    written = decision(asked(installed(tmp_path), 1)).model_dump(mode="json")
    del written["signature"]
    former = Approval.model_validate(written | {"schema_version": 1})
    assert Approval.from_bytes(former.to_bytes()).digest() == former.digest()
    assert b"signature" not in former.to_bytes()


@pytest.mark.skipif(SSH_KEYGEN is None, reason="no ssh-keygen on this machine")
def test_ssh_keygen_says_the_same_of_a_signature_and_makes_one_that_counts(tmp_path: Path, ada: Person) -> None:
    approvers = listed(tmp_path, ada)
    given = decision(asked(installed(tmp_path), 1))
    (tmp_path / "decision").write_bytes(given.unsigned)
    (tmp_path / "decision.sig").write_text(sign(given, ada.key).signature)
    files = ["-f", str(tmp_path / "signers"), "-s", str(tmp_path / "decision.sig")]
    check = [str(SSH_KEYGEN), "-Y", "verify", "-I", "ada", "-n", NAMESPACE, *files]
    assert subprocess.run(check, input=given.unsigned, capture_output=True, check=False).returncode == 0
    assert subprocess.run(check, input=given.unsigned + b" ", capture_output=True, check=False).returncode != 0

    make = [str(SSH_KEYGEN), "-Y", "sign", "-f", str(ada.file), "-n", NAMESPACE]
    made = subprocess.run(make, input=given.unsigned, capture_output=True, check=True).stdout.decode()
    approvers.check(given.model_copy(update={"signature": made}))
