"""Certificates of an OPC UA connection: ours, its key, and the one of the server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto import security_policies
from asyncua.crypto.uacrypto import CertProperties
from cryptography import x509

from twin.errors import Fault, InputError, NoriaError
from twin.secrets import Keyring

if TYPE_CHECKING:
    from twin.ingest.opcua import OpcUaSecurity


class Refused(NoriaError):
    """The server does not let us in; asking again soon would only lock the account."""


async def secure(client: Client, security: OpcUaSecurity, keyring: Keyring) -> None:
    """Give a client its certificates, before it connects.

    Raises
    ------
    InputError
        When a certificate or the key cannot be read.
    """
    ours = _certificate(keyring.folder / security.certificate, "certificate")
    server = None
    if security.server_certificate is not None:
        path = keyring.folder / security.server_certificate
        server = _pem(_certificate(path, "server_certificate"))
    key = keyring.value(security.key, "security.key")
    # The server compares the name in the certificate with the one the program gives.
    client.application_uri = _application_uri(ours) or client.application_uri
    try:
        await client.set_security(
            getattr(security_policies, f"SecurityPolicy{security.policy}"),
            _pem(ours),
            CertProperties(key.encode(), extension="pem"),
            server_certificate=server,
            mode=ua.MessageSecurityMode[security.mode],
        )
    except (ValueError, TypeError):
        found = "no private key in PEM form without a passphrase"
        raise InputError("opcua", [Fault("security.key", found, "export it so")]) from None


def _pem(certificate: x509.Certificate) -> CertProperties:
    from cryptography.hazmat.primitives.serialization import Encoding

    return CertProperties(certificate.public_bytes(Encoding.PEM), extension="pem")


def _certificate(path: Path, where: str) -> x509.Certificate:
    try:
        content = path.read_bytes()
        if content.lstrip().startswith(b"-----BEGIN"):
            return x509.load_pem_x509_certificate(content)
        return x509.load_der_x509_certificate(content)
    except OSError as error:
        found = f"{path} cannot be read: {error.strerror}"
    except ValueError:
        found = f"{path} is no certificate (PEM or DER)"
    raise InputError("opcua", [Fault(f"security.{where}", found, "check the path and the file")])


def _application_uri(certificate: x509.Certificate) -> str:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ""
    uris = names.value.get_values_for_type(x509.UniformResourceIdentifier)
    return uris[0] if uris else ""
