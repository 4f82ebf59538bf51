"""The emulator's certificate authority: whose it is, how long it lives, and what it can vouch for."""

from __future__ import annotations

import os
import ssl
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from reconciler.emulator.doors.authority import LIFE, Authority, authority_folder
from reconciler.emulator.errors import AuthorityError

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime.now(UTC)
HOST = "conversations.twilio.com"
FILES = ("bundle.pem", "ca.crt", "ca.pem", "lock")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "emulator-ca"


@pytest.fixture
def authority(folder: Path) -> Authority:
    return Authority(folder, lambda: NOW)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def handshake(server: ssl.SSLContext, client: ssl.SSLContext, host: str) -> ssl.SSLObject:
    """Return the client's side of TLS between two contexts, or raise what either side raises."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [client.wrap_bio(down, up, server_hostname=host), server.wrap_bio(up, down, server_side=True)]
    for _ in range(10):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return sides[0]


def client_of(authority: Authority) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority.certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    return context


# --- its folder --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o022, 0o000, 0o077])
def test_nobody_else_can_read_it(authority: Authority, folder: Path, umask: int) -> None:
    """Whatever files are made like otherwise; nothing else is left in the folder."""
    before = os.umask(umask)
    try:
        authority.ensure()
        authority.context(HOST)
    finally:
        os.umask(before)

    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == dict.fromkeys(FILES, 0o600)


def test_it_is_made_once(authority: Authority, folder: Path) -> None:
    """Later uses find it, in this process and in others."""
    first = authority.ensure()
    made = contents(folder)

    assert authority.ensure() == Authority(folder).ensure() == first
    assert contents(folder) == made
    assert authority.context(HOST) is authority.context(HOST)


def test_clients_get_no_key(authority: Authority) -> None:
    """What is given to them is certificates; the bundle has the system's roots, and ours last."""
    authority.ensure()
    ours, bundle = authority.certificate.read_text("ascii"), authority.bundle.read_text("utf-8")

    assert "PRIVATE KEY" not in ours + bundle
    assert ours.count("BEGIN CERTIFICATE") == 1
    assert bundle.endswith(ours)
    assert bundle.count("BEGIN CERTIFICATE") > 50
    assert len(ssl.create_default_context(cafile=authority.bundle).get_ca_certs()) > 50


def broken(what: str) -> Callable[[Path], object]:
    """Return what somebody does to the folder."""

    def torn(folder: Path) -> None:
        (folder / "ca.pem").write_bytes((folder / "ca.pem").read_bytes()[:300])

    deeds: dict[str, Callable[[Path], object]] = {
        "torn": torn,
        "empty": lambda folder: (folder / "ca.pem").write_bytes(b""),
        "key gone": lambda folder: (folder / "ca.pem").write_bytes((folder / "ca.crt").read_bytes()),
        "file gone": lambda folder: (folder / "ca.pem").unlink(),
        "certificate gone": lambda folder: (folder / "ca.crt").unlink(),
        "bundle gone": lambda folder: (folder / "bundle.pem").unlink(),
        "key open to others": lambda folder: (folder / "ca.pem").chmod(0o640),
        "folder open to others": lambda folder: folder.chmod(0o755),
    }
    return deeds[what]


@pytest.mark.parametrize(
    "what",
    [
        *("torn", "empty", "key gone", "file gone", "certificate gone", "bundle gone"),
        *("key open to others", "folder open to others"),
    ],
)
def test_what_is_not_whole_or_was_not_private_is_made_anew(
    authority: Authority, folder: Path, what: str
) -> None:
    """A key that others could have read is no secret any more."""
    first = authority.ensure()
    broken(what)(folder)
    second = authority.ensure()

    assert second != first
    assert authority.ensure() == second
    assert handshake(authority.context(HOST), client_of(authority), HOST).version() == "TLSv1.3"
    assert (mode(folder), mode(folder / "ca.pem")) == (0o700, 0o600)


@pytest.mark.parametrize("in_the_way", ["state", "state/emulator-ca"])
def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, authority: Authority, in_the_way: str) -> None:
    """A file stands in its place, or above it."""
    path = tmp_path / in_the_way
    path.parent.mkdir(exist_ok=True)
    path.touch()
    with pytest.raises(AuthorityError, match=f"{authority.folder} cannot be used: "):
        authority.ensure()


def test_its_place_is_the_persons_state_folder() -> None:
    """As the specification of XDG has it: a relative path does not count."""
    home = Path("/home/me")

    assert authority_folder({"XDG_STATE_HOME": "/s"}, home) == Path("/s/reconciler/emulator-ca")
    for environ in ({}, {"XDG_STATE_HOME": ""}, {"XDG_STATE_HOME": "s"}):
        assert authority_folder(environ, home) == home / ".local/state/reconciler/emulator-ca"


# --- many at once ------------------------------------------------------------------------------------------

ENSURE = """
import sys
from pathlib import Path
from reconciler.emulator.doors.authority import Authority
sys.stdin.readline()
pem = Authority(Path(sys.argv[1])).ensure()
print(pem.hex())
"""


def test_processes_that_begin_at_once_agree(folder: Path) -> None:
    """One of them makes it; none destroys another's."""
    command = [sys.executable, "-c", ENSURE, str(folder)]
    crowd = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)
    ]
    for process in crowd:  # all of them have begun; now they go
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = {process.communicate(timeout=60)[0] for process in crowd}

    assert said == {(folder / "ca.pem").read_bytes().hex() + "\n"}
    assert {process.returncode for process in crowd} == {0}
    assert set(contents(folder)) == set(FILES)


def test_threads_that_renew_at_once_agree(authority: Authority, folder: Path) -> None:
    """As processes do."""
    authority.ensure()
    later = Authority(folder, lambda: NOW + LIFE)
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: later.ensure(), range(64)))

    assert found == {(folder / "ca.pem").read_bytes()}


# --- how long ----------------------------------------------------------------------------------------------


def test_it_lives_for_a_month(authority: Authority) -> None:
    """So do the certificates of hosts: none outlives it."""
    ca = x509.load_pem_x509_certificate(authority.ensure())
    client = client_of(authority)
    leaf = x509.load_der_x509_certificate(
        handshake(authority.context(HOST), client, HOST).getpeercert(binary_form=True) or b""
    )

    assert ca.not_valid_after_utc == (NOW + timedelta(days=30)).replace(microsecond=0)
    assert NOW - timedelta(days=1) < ca.not_valid_before_utc < NOW
    assert leaf.not_valid_after_utc == ca.not_valid_after_utc


@pytest.mark.parametrize(
    ("days", "is_renewed"), [(1, False), (28.9, False), (29.1, True), (30.1, True), (400, True), (-2, True)]
)
def test_it_is_made_anew_when_it_is_over(
    authority: Authority, folder: Path, days: float, *, is_renewed: bool
) -> None:
    """Or will be within a day, or when the clock was set back; then all files go together."""
    first = authority.ensure()
    later = Authority(folder, lambda: NOW + timedelta(days=days))
    second = later.ensure()

    assert (second != first) == is_renewed
    assert later.certificate.read_bytes() in second
    assert second.endswith(later.certificate.read_bytes())
    assert later.bundle.read_bytes().endswith(later.certificate.read_bytes())


# --- what for ----------------------------------------------------------------------------------------------


def signed(
    authority: Authority, folder: Path, *names: x509.GeneralName, is_ca: bool = False
) -> ssl.SSLContext:
    """Return the TLS of a server whose certificate somebody has signed with the authority's key."""
    pem = authority.ensure()
    signer = serialization.load_pem_private_key(pem, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "evil.com")]))
        .issuer_name(x509.load_pem_x509_certificate(pem).subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(minutes=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    path = folder.parent / "signed.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    certificate = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path.write_bytes(private + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def test_a_certificate_of_a_twilio_host_is_accepted(authority: Authority, folder: Path) -> None:
    """So that the refusals below are not for another reason."""
    client = ssl.create_default_context(cafile=(authority.ensure(), authority.certificate)[1])
    for host in (HOST, "a.b.twil.io"):
        server = signed(authority, folder, x509.DNSName(host))
        assert handshake(server, client, host).version() == "TLSv1.3"


@pytest.mark.parametrize(
    ("name", "host"),
    [
        (x509.DNSName("evil.com"), "evil.com"),
        (x509.DNSName("twilio.com.evil.com"), "twilio.com.evil.com"),
        (x509.DNSName("eviltwilio.com"), "eviltwilio.com"),
        (x509.DNSName("*.evil.com"), "www.evil.com"),
        (x509.IPAddress(IPv4Address("127.0.0.1")), "127.0.0.1"),
    ],
)
def test_whoever_has_its_key_can_be_nobody_but_twilio(
    authority: Authority, folder: Path, name: x509.GeneralName, host: str
) -> None:
    """A stolen key opens no door to a bank, not even together with a name that it may vouch for."""
    for names in ([name], [x509.DNSName(HOST), name]):
        server = signed(authority, folder, *names)
        client = ssl.create_default_context(cafile=authority.certificate)
        with pytest.raises(ssl.SSLCertVerificationError, match=r"(permitted|excluded) subtree violation"):
            handshake(server, client, host)


def test_openssl_reads_the_same_limits(authority: Authority) -> None:
    """Its own words for what a client is asked to trust."""
    authority.ensure()
    command = ["openssl", "x509", "-noout", "-text", "-in", str(authority.certificate)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "X509v3 Name Constraints: critical" in text
    assert "DNS:twilio.com" in text
    assert "DNS:twil.io" in text
    assert "CA:TRUE, pathlen:0" in text
    assert "TLS Web Server Authentication" in text


def test_nothing_of_it_is_in_the_package() -> None:
    """A key that everybody has would be worse than none."""
    root = Path(__file__).parent.parent / "reconciler"
    found = [path for path in root.rglob("*") if path.suffix in (".pem", ".crt", ".key", ".p12")]

    keys = [path for path in root.rglob("*.py") if "BEGIN PRIVATE" in path.read_text("utf-8")]

    assert found + keys == []
