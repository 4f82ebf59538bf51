"""The emulator's own certificate authority: turns a folder and a host into TLS that one's clients accept.

One for each person on a machine, made when it is first needed and made anew when it is over. Its key is in
``ca.pem``, which is read at every use, so that processes that share the folder agree; ``ca.crt`` and
``bundle.pem`` are for clients. It can vouch for Twilio's names only, for a month, whoever gets hold of it; no
trust store of the system ever learns of it. Certificates of hosts are made on the fly and kept in memory.
Imported when the first tunnel is asked for: cryptography is slow to load.
"""

from __future__ import annotations

import contextlib
import functools
import os
import ssl
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from reconciler.emulator.errors import AuthorityError
from reconciler.emulator.locks import wait_for_lock

from .tunnel import DOMAINS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

LIFE = timedelta(days=30)
_MARGIN = timedelta(days=1)
"""What is over this soon is made anew: a command that begins now should end before its certificates."""
_SKEW = timedelta(hours=1)
_NAME = "Emulator of Twilio on this machine (reconciler)"
_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora and its kin
    "/etc/ssl/cert.pem",  # macOS, the BSDs
)


def authority_folder(environ: Mapping[str, str], home: Path) -> Path:
    """Return where a person's authority is kept: below the state folder."""
    state = environ.get("XDG_STATE_HOME", "")
    base = Path(state) if os.path.isabs(state) else home / ".local" / "state"
    return base / "reconciler" / "emulator-ca"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority of a folder. Every method raises AuthorityError where the folder cannot be used."""

    folder: Path
    now: Callable[[], datetime] = _now

    @property
    def certificate(self) -> Path:
        """The file for clients that add it to the roots they trust; there after ``ensure``."""
        return self.folder / "ca.crt"

    @property
    def bundle(self) -> Path:
        """The file for clients that trust one file alone: the system's roots and ours, after ``ensure``."""
        return self.folder / "bundle.pem"

    def ensure(self) -> bytes:
        """Return key and certificate as PEM; what is missing, over, torn or open to others is made first."""
        try:
            found = self._sound()
            if found is None:
                with _alone(self.folder):
                    found = self._sound() or self._make()  # another process may have been quicker
        except OSError as fault:
            text = f"{self.folder} cannot be used: {(fault.strerror or 'it fails').lower()}"
            raise AuthorityError(f"{text}. The emulator keeps its certificates there.") from fault
        return found

    def context(self, host: str) -> ssl.SSLContext:
        """Return the TLS of a server that is `host` (in lower case) and refuses whoever asks for another."""
        return _context(self.ensure(), host, self.folder)

    def _sound(self) -> bytes | None:
        try:
            if not (_is_private(self._key) and self.certificate.exists() and self.bundle.exists()):
                return None
            pem = self._key.read_bytes()
            certificate = x509.load_pem_x509_certificate(pem)
            serialization.load_pem_private_key(pem, None)
        except (FileNotFoundError, ValueError):
            return None
        begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        return pem if begin <= self.now() < end - _MARGIN else None

    def _make(self) -> bytes:
        self.folder.chmod(0o700)
        key, certificate = _authority(self.now())
        public = certificate.public_bytes(serialization.Encoding.PEM)
        _replace(self.certificate, public)
        _replace(self.bundle, _roots().rstrip() + b"\n" + public)
        pem = _key_pem(key) + public
        _replace(self._key, pem)  # last: what came before counts only with it
        return pem

    @property
    def _key(self) -> Path:
        return self.folder / "ca.pem"


# --- certificates ------------------------------------------------------------------------------------------


def _authority(now: datetime) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Return a new authority, which can vouch for servers below Twilio's domains and for nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    nowhere = [x509.IPAddress(IPv4Network("0.0.0.0/0")), x509.IPAddress(IPv6Network("::/0"))]
    twilios = [x509.DNSName(domain) for domain in DOMAINS]
    builder = (
        _certificate(key.public_key(), name, name, now - _SKEW, now + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(twilios, nowhere), critical=True)
    )
    return key, builder.sign(key, hashes.SHA256())


@functools.lru_cache(maxsize=256)
def _context(pem: bytes, host: str, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])

    def check(_: object, asked: str | None, __: object) -> int | None:
        is_ours = asked is not None and asked.lower() == host
        return None if is_ours else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    context.sni_callback = check
    path = _new_file(folder, _leaf(pem, host))  # the ssl module reads certificates from files alone
    try:
        context.load_cert_chain(path)
    finally:
        path.unlink()
    return context


def _leaf(pem: bytes, host: str) -> bytes:
    """Return key and certificate of a host as PEM; it lives as long as its authority."""
    issuer = x509.load_pem_x509_certificate(pem)
    signer = serialization.load_pem_private_key(pem, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)  # noqa: S101 - we made it
    key = ec.generate_private_key(ec.SECP256R1())
    life = issuer.not_valid_before_utc, issuer.not_valid_after_utc
    signer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    builder = (
        _certificate(key.public_key(), x509.Name([]), issuer.subject, *life)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(signer_id, critical=False)
    )
    return _key_pem(key) + builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _certificate(
    key: ec.EllipticCurvePublicKey, subject: x509.Name, issuer: x509.Name, begin: datetime, end: datetime
) -> x509.CertificateBuilder:
    """Return what both sorts of certificates have in common, yet to be signed."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


# --- files -------------------------------------------------------------------------------------------------


def _roots() -> bytes:
    """Return the certificates that this system trusts, as PEM; else those that `requests` brings."""
    for path in (ssl.get_default_verify_paths().openssl_cafile, *_ROOTS):
        with contextlib.suppress(OSError):
            return Path(path).read_bytes()
    import certifi

    return Path(certifi.where()).read_bytes()


def _is_private(path: Path) -> bool:
    """Whether nobody else on this machine could read or place a file. A key that they could is worthless."""
    if sys.platform == "win32":
        return True
    found = path.stat(), path.parent.stat()
    return all(one.st_uid == os.geteuid() and not one.st_mode & 0o077 for one in found)


def _replace(path: Path, content: bytes) -> None:
    _new_file(path.parent, content).replace(path)


def _new_file(folder: Path, content: bytes) -> Path:
    """Return a new file that only this person can read."""
    handle, name = tempfile.mkstemp(".new", dir=folder)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    return Path(name)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Be the only process that changes a folder for the length of the block; it is made if it is missing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600), "rb+") as file:
        wait_for_lock(file)
        yield
