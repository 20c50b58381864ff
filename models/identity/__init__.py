"""People, programs, groups, roles, grants, sessions, second factors, keys that sign."""

from models.identity.access import Grant, Role
from models.identity.factors import MfaFactor, MfaKind, RecoveryCode, RememberedDevice, SignInChallenge
from models.identity.groups import Group, GroupMember
from models.identity.keys import SigningKey
from models.identity.people import PasswordToken, User, UserState
from models.identity.programs import ServiceAccount
from models.identity.sessions import AuthMethod, AuthSession, RefreshToken

__all__ = [
    "AuthMethod",
    "AuthSession",
    "Grant",
    "Group",
    "GroupMember",
    "MfaFactor",
    "MfaKind",
    "PasswordToken",
    "RecoveryCode",
    "RefreshToken",
    "RememberedDevice",
    "Role",
    "ServiceAccount",
    "SignInChallenge",
    "SigningKey",
    "User",
    "UserState",
]
