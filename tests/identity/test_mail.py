"""Mail over SMTP: what goes out, what comes back, and what is said of it."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from datawave.kit.mail import Mail, Post, Undelivered
from datawave.kit.secrets import Secret
from datawave.kit.tables import BreakerState, CircuitBreaker, DeadLetter, Job
from datawave.settings import SettingsError, load
from tests import servers
from tests.fixtures.mail import FROM, PASSWORD, USER, Mailbox, mailing, words
from tests.identity.documents import INVITE

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH")
"""The mail server of these tests says so itself: nobody listens between it and us."""

LETTER = Mail(
    key="k", to="anna@example.com", name="Anna", subject="Hello", text="Plain.\n", html="<p>Rich.</p>"
)


def post(
    mailbox: Mailbox, *, user: str = "", scheme: str = "smtp", trust: ssl.SSLContext | None = None
) -> Post:
    at = f"{scheme}://{user}127.0.0.1:{mailbox.port}"
    return Post(Secret(at), FROM, patience=5, trust=trust)


@pytest.fixture
async def other() -> AsyncIterator[Mailbox]:
    """A mail server that a test sets up as it likes, and begins itself."""
    made = Mailbox()
    yield made
    await made.end()


async def test_a_mail_is_text_and_html_with_the_headers_it_needs(mailbox: Mailbox) -> None:
    await post(mailbox).send(replace(LETTER, name="Änna, B.", subject="Grüße"))
    letter = await mailbox.next()
    assert (letter["Subject"], letter["To"]) == ("Grüße", '"Änna, B." <anna@example.com>')
    assert (letter["Auto-Submitted"], letter["Message-ID"]) == ("auto-generated", "<k@governance.example>")
    assert letter["Date"]
    assert (words(letter).strip(), words(letter, "html").strip()) == ("Plain.", "<p>Rich.</p>")


@given(name=st.text(max_size=80), subject=st.text(max_size=80))
def test_no_name_and_no_subject_makes_a_header_of_its_own(name: str, subject: str) -> None:
    one = Post(Secret("smtp://127.0.0.1"), FROM)
    sent = one.letter(replace(LETTER, name=name, subject=subject)).as_bytes()
    bare = one.letter(replace(LETTER, name="A", subject="S")).as_bytes()
    assert headers(sent) == headers(bare)


def headers(sent: bytes) -> list[bytes]:
    lines = sent.replace(b"\r\n", b"\n").split(b"\n\n")[0].split(b"\n")
    return [line.split(b":")[0] for line in lines if not line.startswith((b" ", b"\t"))]


async def test_a_newline_in_a_name_stays_a_name(mailbox: Mailbox) -> None:
    await post(mailbox).send(replace(LETTER, name="A\r\nBcc: evil@example.com\r\n\r\nBuy"))
    letter = await mailbox.next()
    assert letter["Bcc"] is None
    assert letter["X-Envelope-To"] == "anna@example.com"
    assert words(letter).strip() == "Plain."


async def test_an_address_beyond_ascii_arrives(mailbox: Mailbox) -> None:
    await post(mailbox).send(replace(LETTER, to="иван@xn--e1afmkfd.xn--p1ai"))
    assert (await mailbox.next())["X-Envelope-To"] == "иван@xn--e1afmkfd.xn--p1ai"


async def refused(post: Post) -> Undelivered:
    with pytest.raises(Undelivered) as caught:
        await post.send(LETTER)
    return caught.value


async def test_the_password_is_given_and_a_wrong_one_said_plainly(other: Mailbox) -> None:
    other.wants_password = True
    await other.begin()
    await post(other, user="postmaster:a%20p%2Fssword@").send(LETTER)
    await other.next()
    wrong = await refused(post(other, user="postmaster:planted@"))
    assert (wrong.code, wrong.retryable, wrong.ours) == ("MAIL_SIGN_IN_REFUSED", False, False)
    assert "535" in wrong.message
    for secret in (USER, PASSWORD, "planted"):
        assert secret not in f"{wrong.message}{wrong.hint}{wrong!r}"
    without = await refused(post(other))
    assert (without.code, without.retryable) == ("MAIL_SENDER_REFUSED", False)


@pytest.mark.parametrize(
    ("answer", "retryable", "said"),
    [("550 5.1.1 <anna@example.com> unknown", False, "(550, 5.1.1)"), ("451 later, anna", True, "(451)")],
)
async def test_a_refused_address_is_no_fault_of_the_mail_server(
    mailbox: Mailbox, answer: str, retryable: bool, said: str
) -> None:
    mailbox.refuses_address = answer
    found = await refused(post(mailbox))
    assert (found.code, found.retryable, found.ours) == ("MAIL_ADDRESS_REFUSED", retryable, True)
    assert said in found.message
    assert "anna" not in found.message


async def test_a_mail_server_that_is_away_is_tried_again(mailbox: Mailbox) -> None:
    await mailbox.end()
    found = await refused(post(mailbox))
    assert (found.code, found.retryable, found.ours) == ("MAIL_UNREACHABLE", True, False)


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The mail server's side, and that of whoever trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "mail.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=str(pem))
    server.load_cert_chain(pem)
    return server, client


async def test_encryption_is_used_where_it_is_offered_and_only_with_whom_is_trusted(
    other: Mailbox, tmp_path: Path
) -> None:
    other.trust, trusting = certificate(tmp_path)
    await other.begin()
    await post(other, trust=trusting).send(LETTER)
    assert other.encrypted == [True]
    found = await refused(post(other, trust=ssl.create_default_context()))
    assert found.code == "MAIL_NOT_TRUSTED"
    plain = await refused(post(other, scheme="smtps", trust=trusting))
    assert plain.retryable


async def test_no_password_goes_to_another_machine_in_the_open(
    mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mail server here stands for another machine's, and offers no encryption."""
    monkeypatch.setattr("datawave.kit.mail.LOOPBACK", ())
    found = await refused(post(mailbox, user="postmaster:planted@"))
    assert (found.code, found.retryable) == ("MAIL_NOT_SUPPORTED", False)
    await post(mailbox).send(LETTER)
    assert mailbox.encrypted == [False]


async def test_wrong_credentials_end_the_job_with_the_reason_and_open_the_breaker(
    valkey: servers.ValkeySpace, other: Mailbox
) -> None:
    other.wants_password = True
    await other.begin()
    async with mailing(valkey, other, url=f"smtp://postmaster:planted@127.0.0.1:{other.port}") as mailed:
        for at in range(6):
            await mailed.api.done(INVITE, i={"email": f"person{at}@example.com"})
        await mailed.worker.drained()
        async with mailed.house.core.database.session() as session:
            [breaker] = (await session.scalars(select(CircuitBreaker))).all()
            dead = (await session.scalars(select(DeadLetter))).all()
            jobs = (await session.scalars(select(Job))).all()
        assert breaker.name == "mail"
        assert breaker.last_failure is not None
        assert breaker.last_failure["code"] == "MAIL_SIGN_IN_REFUSED"
        assert breaker.state in BreakerState
        assert dead[0].failure["code"] == "MAIL_SIGN_IN_REFUSED"
        assert "DATAWAVE_SMTP_URL" in dead[0].failure["hint"]
        assert "planted" not in str([(each.failure, each.attempts, each.arguments) for each in jobs])


@pytest.mark.parametrize("url", ["http://planted@host", "smtp://", "smtp:planted"])
def test_what_is_no_mail_server_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load(_env_file=None, smtp_url=url)
    assert "DATAWAVE_SMTP_URL" in str(refused.value)
    assert "planted" not in str(refused.value)


@pytest.mark.parametrize("sender", ["nobody", "a@b\nBcc: c@d", "@", "A <a@>"])
def test_what_is_no_sender_is_refused(sender: str) -> None:
    with pytest.raises(SettingsError, match="DATAWAVE_MAIL_FROM"):
        load(_env_file=None, mail_from=sender)


def test_mails_are_from_the_host_of_the_public_address_unless_it_is_said() -> None:
    settings = load(_env_file=None, public_url="http://governance.example:8000", smtp_url="smtp://u:p@host")
    assert settings.mail_sender == "DataWave <datawave@governance.example>"
    assert "u:p" not in repr(settings)
    assert load(_env_file=None, mail_from=FROM).mail_sender == FROM
