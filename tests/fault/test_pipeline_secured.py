# SPDX-License-Identifier: Apache-2.0
"""A Kafka behind TLS and passwords, with rights of its own for each topic."""
import contextlib
import datetime
import ipaddress
import json
import socket

import pytest
from confluent_kafka.admin import AclBinding, AclBindingFilter, AclOperation, AclPermissionType, ResourcePatternType, ResourceType
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import servers
from conftest import wait_for
from pipeline import Pipeline, figure
from pipeline_load import TABLES

CRYPTO = "tickers.crypto"
USER, PASSWORD = "fdp", "s3cret, of {a} test"


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def make_certificate(folder, name):
    """One that signs itself, for 127.0.0.1: name.crt, and with its key name.pem."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), now - datetime.timedelta(hours=1),
                                    now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())).public_bytes(serialization.Encoding.PEM)
    (folder / f"{name}.crt").write_bytes(made)
    (folder / f"{name}.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                           serialization.NoEncryption()) + made)


class SecuredKafka(servers.Kafka):
    """Beside its plain listener, where everybody may do everything, it has one with TLS and a password, where USER may do what was granted."""

    def __init__(self, folder):
        plain, self.secured, controller = free_ports(3)
        listeners = f"PLAINTEXT://127.0.0.1:{plain},SECURED://127.0.0.1:{self.secured}"
        super().__init__(
            f"listeners={listeners},CONTROLLER://127.0.0.1:{controller}", f"advertised.listeners={listeners}",
            f"controller.quorum.voters=1@127.0.0.1:{controller}",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_SSL",
            "listener.name.secured.sasl.enabled.mechanisms=PLAIN",
            "listener.name.secured.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required "
            f"user_{USER}=\"{PASSWORD}\";",
            "ssl.keystore.type=PEM", f"ssl.keystore.location={folder}/server.pem",
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users=User:ANONYMOUS", port=plain)

    @staticmethod
    def _right(kind, name, operation, make=AclBinding):
        return make(kind, name, ResourcePatternType.LITERAL, f"User:{USER}", "*", operation, AclPermissionType.ALLOW)

    def grant(self, kind, name, operation=AclOperation.READ):
        right = self._right(kind, name, operation)
        self.admin.create_acls([right])[right].result(30)

    def revoke(self, kind, name, operation=AclOperation.READ):
        right = self._right(kind, name, operation, AclBindingFilter)
        assert len(self.admin.delete_acls([right])[right].result(30)) == 1


@pytest.fixture
def kafka(tmp_path):
    make_certificate(tmp_path, "server")
    make_certificate(tmp_path, "other")
    (tmp_path / "password").write_text(PASSWORD + "\n")
    with SecuredKafka(tmp_path) as server:
        yield server


@pytest.fixture
def secured(fdp, kafka, postgres, tmp_path):
    """A pipeline whose workers come in where they have to show who they are."""
    pipeline = Pipeline(fdp, kafka, postgres)
    kafka.create("tickers.rejected", 1)
    for topic in (*TABLES, "tickers.rejected"):
        kafka.grant(ResourceType.TOPIC, topic)
    kafka.grant(ResourceType.GROUP, pipeline.group)

    def start(password="password", authority="server", **options):
        properties = {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": USER,
                      "sasl.password-file": str(tmp_path / password), "ssl.ca.location": str(tmp_path / f"{authority}.crt")}
        return Pipeline.worker(pipeline, "--set", f"streaming.kafka={json.dumps(properties)}", stream=f"kafka://127.0.0.1:{kafka.secured}", **options)

    pipeline.worker = start
    return pipeline


def test_right_taken_away_pauses_its_topic_alone(secured, kafka):
    worker = secured.worker()
    with secured.load.running(500):
        secured.progress(300)
        kafka.revoke(ResourceType.TOPIC, CRYPTO)
        wait_for(lambda: "does not permit it" in worker.stderr() and not secured.ready(worker), "a word about the missing right")
        wait_for(lambda: "partitions=7" in worker.stderr() and "a topic cannot be read" in worker.stderr(), "the group gives them to nobody")
        secured.progress(300)
        assert not secured.ready(worker)
        kafka.grant(ResourceType.TOPIC, CRYPTO)
        wait_for(lambda: secured.ready(worker), "ready again")
    assert "error " not in worker.stderr()
    figure(f"{secured.finish()} by a client with TLS and a password, one of whose rights was taken away for a while")


@pytest.mark.parametrize("wrong", ["password", "authority"])
def test_client_that_is_not_let_in_says_why_and_no_secret(secured, tmp_path, wrong):
    (tmp_path / "wrong").write_text("Pa55word\n")
    worker = secured.worker(**{"password": {"password": "wrong"}, "authority": {"authority": "other"}}[wrong], ready=False)
    why = {"password": "Invalid username or password", "authority": "certificate verify failed"}[wrong]
    wait_for(lambda: why in worker.stderr(), "a word about it")
    assert "see the sasl and ssl properties in streaming.kafka" in worker.stderr()
    assert "Pa55word" not in worker.stderr() and PASSWORD not in worker.stderr()
    secured.kill(worker)
    secured.load.produce(300)
    assert secured.finish().stored == 300
