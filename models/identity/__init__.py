"""People, programs, groups, roles, grants, sessions, second factors, login services, keys that sign."""

from models.identity.access import Grant, Role
from models.identity.apikeys import ApiKey
from models.identity.factors import MfaFactor, MfaKind, RecoveryCode, RememberedDevice, SignInChallenge
from models.identity.groups import Group, GroupMember
from models.identity.keys import SigningKey
from models.identity.people import PasswordToken, TokenKind, User, UserState
from models.identity.programs import ServiceAccount
from models.identity.providers import ExternalIdentity, OidcAttempt, OidcProvider
from models.identity.sessions import AuthMethod, AuthSession, RefreshToken

__all__ = [
    "ApiKey",
    "AuthMethod",
    "AuthSession",
    "ExternalIdentity",
    "Grant",
    "Group",
    "GroupMember",
    "MfaFactor",
    "MfaKind",
    "OidcAttempt",
    "OidcProvider",
    "PasswordToken",
    "RecoveryCode",
    "RefreshToken",
    "RememberedDevice",
    "Role",
    "ServiceAccount",
    "SignInChallenge",
    "SigningKey",
    "TokenKind",
    "User",
    "UserState",
]
