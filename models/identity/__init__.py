"""People, programs, groups, roles, grants, sessions, keys that sign."""

from models.identity.access import Grant, Role
from models.identity.apikeys import ApiKey
from models.identity.groups import Group, GroupMember
from models.identity.keys import SigningKey
from models.identity.people import PasswordToken, TokenKind, User, UserState
from models.identity.programs import ServiceAccount
from models.identity.sessions import AuthMethod, AuthSession, RefreshToken

__all__ = [
    "ApiKey",
    "AuthMethod",
    "AuthSession",
    "Grant",
    "Group",
    "GroupMember",
    "PasswordToken",
    "RefreshToken",
    "Role",
    "ServiceAccount",
    "SigningKey",
    "TokenKind",
    "User",
    "UserState",
]
